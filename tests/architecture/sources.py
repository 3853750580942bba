"""Source trees for rules about them, each read once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the app by its dotted name without the `campaigns.` in front."""
    return {name: tree_of(text) for name, text in texts(root).items()}


def texts(root: Path) -> dict[str, str]:
    """The source of each, by the same name."""
    found = {}
    for path in sorted((root / "campaigns").rglob("*.py")):
        name = ".".join(path.relative_to(root / "campaigns").with_suffix("").parts)
        found[name] = path.read_text()
    return found


@cache
def tree_of(source: str) -> ast.Module:
    """Read once for all rules; no rule changes a tree."""
    return ast.parse(source)


@cache
def imports(tree: ast.Module) -> set[str]:
    """Dotted names that a module imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names
