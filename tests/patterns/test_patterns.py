"""No regular expression of the app takes more than linear time, whatever operators, readers and servers write."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.patterns.steps import grows_too_fast

ROOT = Path(__file__).resolve().parents[2]
ANCHORED = {"match", "fullmatch"}
USES = {"search", "sub", "subn", "split", "findall", "finditer", *ANCHORED}
# Patterns that grow faster and may, because of what they are given.
BOUNDED = {
    "canonical": "only reads header fields that the app wrote",
    "experience": "only reads a server's reply, whose size the protocol limits",
}


class Found(NamedTuple):
    module: str
    pattern: re.Pattern[Any]
    anchored: bool


def patterns() -> Iterator[Found]:
    """Each literal pattern in the app, and whether it is only ever used from the beginning of a text."""
    for path in sorted((ROOT / "campaigns").rglob("*.py")):
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Assign) and (found := _compiled(node.value)):
                name = node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""
                uses = set(re.findall(rf"\b{re.escape(name)}\.(\w+)\(", source)) & USES
                yield Found(path.stem, found, bool(uses) and uses <= ANCHORED)
            elif isinstance(node, ast.Call) and (found := _used_at_once(node)):
                assert isinstance(node.func, ast.Attribute)
                yield Found(path.stem, found, node.func.attr in ANCHORED)


def _compiled(node: ast.expr) -> re.Pattern[Any] | None:
    is_ours = isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
    return _evaluated(node) if is_ours else None  # type: ignore[arg-type]


def _used_at_once(node: ast.Call) -> re.Pattern[Any] | None:
    if not isinstance(node.func, ast.Attribute) or ast.unparse(node.func.value) != "re":
        return None
    return _evaluated(node) if node.func.attr in USES else None


def _evaluated(node: ast.Call) -> re.Pattern[Any] | None:
    """The pattern of a call, if it stands there as a constant."""
    if not isinstance(node.args[0], ast.Constant):
        return None
    names = re.findall(r"re\.([A-Z]+)\b", ast.unparse(node))
    flags = re.RegexFlag(0)
    for name in names:
        flags |= re.RegexFlag[name]
    return re.compile(node.args[0].value, flags)


ALL = list({(each.module, each.pattern.pattern, each.anchored): each for each in patterns()}.values())


@pytest.mark.parametrize("found", ALL, ids=lambda found: f"{found.module}: {found.pattern.pattern!r}"[:70])
def test_a_pattern_grows_with_its_text_and_no_faster(found: Found) -> None:
    text = grows_too_fast(found.pattern, anchored=found.anchored)
    assert text is None or found.module in BOUNDED, text


def test_the_patterns_of_the_app_are_found() -> None:
    assert len(ALL) > 80
    assert {"markup", "bodies", "plain", "reading", "addresses"} <= {found.module for found in ALL}


@pytest.mark.parametrize(
    "pattern",
    [r"\{#.*?#\}", r"[ \t]+(?=\n)", r"<head\b[^>]*>", r"<head(?:\s[^>]*)?>", r"(a+)+b", r"<img[^>]+src=\"x"],
)
def test_a_pattern_that_grows_too_fast_is_told(pattern: str) -> None:
    assert grows_too_fast(re.compile(pattern, re.S))


@pytest.mark.parametrize("pattern", [r"\s+", r"<(/?)([a-z][^\s>]*)", r"\{[{%][^{}]*[%}]\}", r"https?://\S+"])
def test_a_pattern_that_does_not_is_let_be(pattern: str) -> None:
    assert grows_too_fast(re.compile(pattern)) is None
