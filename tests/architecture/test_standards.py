"""Every row of the tables in docs/smtp.md and docs/guarantees.md has a test that bears its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rows_of(table: str) -> list[str]:
    """The names in a table's first column."""
    return re.findall(r"^\| (S\d\d) \|", table, re.M)


def named_in(source: str) -> set[str]:
    """The rows that a module's tests bear in their names."""
    tests = (
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
    return {row for name in tests for row in re.findall(r"_(S\d\d)(?=_|$)", name)}


def test_each_row_of_the_smtp_table_has_a_test() -> None:
    rows = rows_of((ROOT / "docs" / "smtp.md").read_text())
    assert rows == [f"S{number:02}" for number in range(1, 30)]
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert set(rows) - set().union(*map(named_in, sources)) == set()


def test_a_row_without_a_test_is_found() -> None:
    assert named_in("def test_a_S01_S02():\n    def not_a_test_S03(): ...") == {"S01", "S02"}
    assert rows_of("| S07 | QUIT |\n| row | x |") == ["S07"]


def test_each_guarantee_has_a_test() -> None:
    rows = re.findall(r"^\| (G\d) \|", (ROOT / "docs" / "guarantees.md").read_text(), re.M)
    assert rows == [f"G{number}" for number in range(1, 9)]
    sources = "\n".join(path.read_text() for path in (ROOT / "tests" / "delivery").glob("test_*.py"))
    assert [row for row in rows if not re.search(rf"^def test_{row.lower()}_", sources, re.M)] == []
