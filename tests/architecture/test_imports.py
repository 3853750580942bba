"""What imported modules are called, and what tests import. Each rule is shown to bite on a bad source."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from tests.architecture.sources import ROOT, imports, tree_of

BARE = {"services", "queries"}  # modules whose name says nothing without their package


def from_tests(tree: ast.Module) -> list[str]:
    """What is imported from a file of tests: it would run with them, and can't be moved without them."""
    return [name for name in sorted(imports(tree)) if ".test_" in name]


def untrue_aliases(tree: ast.Module) -> list[str]:
    """Modules called by another's name: `settings` may be the package, its queries or its services."""
    return [
        f"{node.module}.{alias.name} as {alias.asname}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("campaigns.")
        for alias in node.names
        if alias.name in BARE and alias.asname and not alias.asname.endswith(f"_{alias.name}")
    ]


RULES = {from_tests: ["tests"], untrue_aliases: ["campaigns", "tests", "bench"]}
BAD = {
    from_tests: "from tests.delivery.test_lane import until",
    untrue_aliases: "from campaigns.settings import services as settings",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_imports_keep_the_rules(rule: Callable[[ast.Module], list[str]]) -> None:
    found = {
        str(path.relative_to(ROOT)): faults
        for folder in RULES[rule]
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (faults := rule(tree_of(path.read_text())))
    }
    assert found == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_about_imports_bites(rule: Callable[[ast.Module], list[str]]) -> None:
    assert rule(ast.parse(BAD[rule])) != []
