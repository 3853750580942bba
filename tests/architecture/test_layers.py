"""Who may import whom. Each rule is a function of a source tree, and is shown to bite on a bad one."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "core",
    "mail",
    "practice",
    "notices",
    "accounts",
    "settings",
    "audience",
    "content",
    "planning",
    "delivery",
    "tracking",
    "reports",
    "palette",
]
# The rooms of packages that have some, lowest floor first; a room imports its own floor and lower ones.
FLOORS = {
    "delivery": [
        {"models", "stored_text"},
        {"ledger"},
        {"limits"},
        {"routing"},
        {"alerts", "services"},
        {"autopause"},
        {"wire"},
        {"sender"},
        {"dispatch"},
        {"progress"},
        {"queries"},
    ],
}
MOST_MODULES = 15  # in one room
CROWDED = {"audience", "content", "core", "mail"}  # larger than that before the rule; none may join them
DOOR_FILES = {"guards", "forms", "jobs", "views", "worker"}
DOOR_PACKAGES = {"public", "api", "cli"}
DOOR_MODULES = {
    "app",
    "ground",
    "web",
    "navigation",
    "form_page",
    "blueprints",
    "process",
    "schema",
    "dispatcher",
    "mailbox",
    "__init__",
}
FLASK = {
    "flask",
    "flask_login",
    "flask_wtf",
    "flask_limiter",
    "flask_babel",
    "flask_migrate",
    "werkzeug",
    "wtforms",
}
LONGEST_ROUTE = 15
LONGEST_FILE = 400


def modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the app by its dotted name without the `campaigns.` in front."""
    found = {}
    for path in sorted((root / "campaigns").rglob("*.py")):
        name = ".".join(path.relative_to(root / "campaigns").with_suffix("").parts)
        found[name] = parsed(path.read_text(), str(path))
    return found


@cache
def parsed(source: str, name: str) -> ast.Module:
    """Read once for all rules; no rule changes a tree."""
    return ast.parse(source, filename=name)


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


def is_door(module: str) -> bool:
    parts = module.split(".")
    if parts[0] in DOOR_PACKAGES or (len(parts) == 1 and parts[0] in DOOR_MODULES):
        return True
    return parts[-1] in DOOR_FILES and parts[0] != "core"


def layer_faults(trees: dict[str, ast.Module]) -> list[str]:
    faults = []
    for module, tree in trees.items():
        package = module.split(".")[0]
        if is_door(module) or module.endswith("__init__"):
            continue
        for name in imports(tree):
            if not name.startswith("campaigns."):
                continue
            target = name.removeprefix("campaigns.")
            other = target.split(".")[0]
            known = [part for part in (target, target.rpartition(".")[0]) if part in trees]
            if any(is_door(part) for part in known):
                faults.append(f"{module} imports the door {known[-1]}")
            elif other in PACKAGES and PACKAGES.index(other) > PACKAGES.index(package):
                faults.append(f"{module} imports up: {target}")
    return faults


def floor_faults(trees: dict[str, ast.Module]) -> list[str]:
    """Inside a package with rooms too, imports go down."""
    faults = []
    for module, tree in trees.items():
        package, _, rest = module.partition(".")
        if package not in FLOORS or is_door(module) or rest == "__init__":
            continue
        here = _floor_of(package, rest)
        if here is None:
            faults.append(f"{module} stands on no floor")
            continue
        for name in imports(tree):
            target = name.removeprefix(f"campaigns.{package}.")
            floor = _floor_of(package, target)
            if target != name and floor is not None and floor > here:
                faults.append(f"{module} imports up: {target}")
    return faults


def _floor_of(package: str, module: str) -> int | None:
    room = module.split(".")[0]
    return next((number for number, rooms in enumerate(FLOORS[package]) if room in rooms), None)


def crowd_faults(trees: dict[str, ast.Module]) -> list[str]:
    """A room with many modules wants rooms of its own."""
    rooms = Counter(module.rpartition(".")[0] for module in trees if not module.endswith("__init__"))
    return [
        f"{room} has {number} modules"
        for room, number in rooms.items()
        if number > MOST_MODULES and room not in CROWDED
    ]


def flask_faults(trees: dict[str, ast.Module]) -> list[str]:
    return [
        f"{module} knows {name}"
        for module, tree in trees.items()
        if not is_door(module) and not module.startswith("core.")
        for name in sorted({name.split(".")[0] for name in imports(tree)} & FLASK)
    ]


def mail_faults(trees: dict[str, ast.Module]) -> list[str]:
    """`mail` speaks protocols: no database there."""
    return [
        f"{module} knows {name}"
        for module, tree in trees.items()
        if module.startswith("mail.")
        for name in imports(tree)
        if name.startswith(("sqlalchemy", "campaigns.core.db"))
    ]


def ring_faults(trees: dict[str, ast.Module]) -> list[str]:
    edges = {
        module: {
            part
            for name in imports(tree)
            for part in (name.removeprefix("campaigns."), name.removeprefix("campaigns.").rpartition(".")[0])
            if name.startswith("campaigns.") and part in trees and part != module
        }
        for module, tree in trees.items()
    }
    done: set[str] = set()
    faults = []

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            faults.append(" -> ".join([*path[path.index(module) :], module]))
            return
        if module in done:
            return
        for target in sorted(edges[module]):
            visit(target, [*path, module])
        done.add(module)

    for module in sorted(edges):
        visit(module, [])
    return faults


def commit_faults(trees: dict[str, ast.Module]) -> list[str]:
    """Services never commit: the door does, once."""
    return [
        f"{module} line {node.lineno} commits"
        for module, tree in trees.items()
        if module.rpartition(".")[2] in ("services", "queries")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def view_query_faults(trees: dict[str, ast.Module]) -> list[str]:
    """No query in a view."""
    return [
        f"{module} builds queries with {name}"
        for module, tree in trees.items()
        if module.rpartition(".")[2] in ("views", "forms") or module.startswith("public.")
        for name in imports(tree)
        if name.startswith("sqlalchemy") and not name.startswith("sqlalchemy.exc")
    ]


def status_faults(trees: dict[str, ast.Module]) -> list[str]:
    """Nobody writes a campaign's status but `states.move`."""
    faults = []
    for module, tree in trees.items():
        if module in ("planning.states", "planning.models"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                faults += [
                    f"{module} line {node.lineno} writes {ast.unparse(target)}"
                    for target in node.targets
                    if isinstance(target, ast.Attribute)
                    and target.attr == "status"
                    and "campaign" in ast.unparse(target.value).lower()
                ]
    return faults


def route_faults(trees: dict[str, ast.Module]) -> list[str]:
    """A route parses, calls, answers: at most 15 lines of body."""
    faults = []
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(_is_route(each) for each in node.decorator_list):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if length > LONGEST_ROUTE:
                    faults.append(f"{module}.{node.name} has {length} lines")
    return faults


def _is_route(decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Attribute) and call.attr in ("route", "get", "post", "put", "delete", "patch")


RULES = [
    layer_faults,
    floor_faults,
    crowd_faults,
    flask_faults,
    mail_faults,
    ring_faults,
    commit_faults,
    view_query_faults,
    status_faults,
    route_faults,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule) -> None:
    assert rule(modules(ROOT)) == []


BAD = {
    layer_faults: {"mail.smtp": "from campaigns.delivery import lane", "delivery.lane": ""},
    floor_faults: {"delivery.ledger.waves": "from campaigns.delivery.sender import lane"},
    crowd_faults: {f"delivery.ledger.room{number}": "" for number in range(MOST_MODULES + 1)},
    flask_faults: {"audience.services": "from flask import request"},
    mail_faults: {"mail.smtp": "import sqlalchemy as sa"},
    ring_faults: {
        "audience.services": "from campaigns.audience import queries",
        "audience.queries": "from campaigns.audience import services",
    },
    commit_faults: {"audience.services": "def f(db):\n    db.session.commit()"},
    view_query_faults: {"audience.views": "import sqlalchemy as sa"},
    status_faults: {"delivery.services": "def f(campaign):\n    campaign.status = 'sending'"},
    route_faults: {"audience.views": "@bp.get('/')\ndef f():\n" + "    x = 1\n" * (LONGEST_ROUTE + 1)},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_bites(rule) -> None:
    assert rule({name: ast.parse(source) for name, source in BAD[rule].items()}) != []


def test_a_door_is_not_imported_from_inside() -> None:
    trees = {
        "audience.services": ast.parse("from campaigns.audience.views import bp"),
        "audience.views": ast.parse(""),
    }
    assert layer_faults(trees) == ["audience.services imports the door audience.views"]


def test_no_file_has_grown_past_asking() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "campaigns").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_every_package_has_its_place() -> None:
    packages = {path.parent.name for path in (ROOT / "campaigns").glob("*/__init__.py")}
    assert packages == set(PACKAGES) | (DOOR_PACKAGES & packages)
