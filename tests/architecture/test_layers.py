"""Who may import whom. Each rule is a function of a source tree, and is shown to bite on a bad one."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask

from tests.architecture.doors import DOOR_PACKAGES, is_door
from tests.architecture.sources import ROOT, imports, modules

PACKAGES = [
    "core",
    "audit",
    "mail",
    "notices",
    "accounts",
    "practice",
    "settings",
    "audience",
    "content",
    "planning",
    "delivery",
    "tracking",
    "inbound",
    "reports",
    "palette",
]
# The rooms of packages that have some, lowest floor first; a room imports its own floor and lower ones.
FLOORS = {
    "delivery": [
        {"models", "reasons", "stored_text"},
        {"ledger"},
        {"limits"},
        {"routing"},
        {"alerts", "came_back", "services"},
        {"autopause"},
        {"wire"},
        {"sender"},
        {"dispatch"},
        {"progress"},
        {"queries", "engagement", "merging"},
    ],
    "content": [
        {"formats"},
        {"language"},
        {"html"},
        {"documents"},
        {"markdown", "importing"},
        {"media"},
        {"rendering"},
        {"brands"},
        {"blocks"},
        {"compiled"},
        {"checks"},
        {"starters"},
        {"templates"},
    ],
    "inbound": [
        {"reading"},
        {"verdicts"},
        {"models", "troubles"},
        {"mailboxes", "loopback"},
        {"effects"},
        {"rules"},
        {"timed"},
        {"hooks"},
        {"queries"},
    ],
}
MOST_MODULES = 15  # in one room
CROWDED = {"audience", "core", "mail"}  # larger than that before the rule; none may join them
# Doors that show or do what a higher package knows, each with what they may reach up to; none may join them.
REACH_UP = {
    "accounts.views": {"settings"},  # the first operator answers what the site is called
    "audience.pages.lists": {
        "planning",
        "reports",
    },  # deleting a list asks its campaigns; its growth is a chart
    "audience.imports.jobs": {"delivery"},  # who was emailed stays when an import is undone
    "audience.pages.people": {"planning"},
    "audience.pages.suppressions": {"planning"},
    "audit.views": {"accounts"},  # the log of everything lies below who may read it
    "notices.jobs": {"settings"},  # which server the app's own emails take
    "planning.pages.schedule": {"delivery"},  # the button says when it will be done
    "planning.views": {"reports"},  # the page of campaigns shows how far each one is
    "settings.views": {"delivery"},  # a server's page shows its warm-up; deleting one asks who sends over it
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


def door_faults(trees: dict[str, ast.Module]) -> list[str]:
    """The doors of a package stand on its rank: they show what it and lower ones know."""
    return [
        f"{module} reaches up: {name}"
        for module, tree in trees.items()
        if is_door(module) and (package := module.split(".")[0]) in PACKAGES
        for name in sorted(imports(tree))
        if name.startswith("campaigns.")
        and (other := name.split(".")[1]) in PACKAGES
        and PACKAGES.index(other) > PACKAGES.index(package)
        and other not in REACH_UP.get(module, ())
    ]


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
        if module.rpartition(".")[2] in ("views", "forms")
        or "pages" in module.split(".")[1:-1]
        or module.startswith("public.")
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
            if isinstance(node, ast.Call) and _updates_status(node):
                faults.append(f"{module} line {node.lineno} updates the status of campaigns")
            if isinstance(node, ast.Assign):
                faults += [
                    f"{module} line {node.lineno} writes {ast.unparse(target)}"
                    for target in node.targets
                    if isinstance(target, ast.Attribute)
                    and target.attr == "status"
                    and "campaign" in ast.unparse(target.value).lower()
                ]
    return faults


def _updates_status(call: ast.Call) -> bool:
    """Whether it is `sa.update(Campaign)….values(status=…)`."""
    is_values = isinstance(call.func, ast.Attribute) and call.func.attr == "values"
    names = {each.arg for each in call.keywords} | {
        key.value
        for each in call.args
        if isinstance(each, ast.Dict)
        for key in each.keys
        if isinstance(key, ast.Constant)
    }
    return is_values and "status" in names and "update(Campaign)" in ast.unparse(call.func)


RULES = [
    layer_faults,
    door_faults,
    floor_faults,
    crowd_faults,
    flask_faults,
    mail_faults,
    ring_faults,
    commit_faults,
    view_query_faults,
    status_faults,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule) -> None:
    assert rule(modules(ROOT)) == []


BAD = {
    layer_faults: {"mail.smtp": "from campaigns.delivery import lane", "delivery.lane": ""},
    door_faults: {"settings.views": "from campaigns.reports import queries"},
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
}


def test_an_update_of_a_campaigns_status_is_seen_too() -> None:
    for values in ("status='sent'", "{'status': 'sent'}"):
        source = f"db.session.execute(sa.update(Campaign).where(Campaign.id == 1).values({values}))"
        assert status_faults({"delivery.services": ast.parse(source)}) != []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_bites(rule) -> None:
    assert rule({name: ast.parse(source) for name, source in BAD[rule].items()}) != []


def test_a_door_is_not_imported_from_inside() -> None:
    trees = {
        "audience.services": ast.parse("from campaigns.audience.views import bp"),
        "audience.views": ast.parse(""),
    }
    assert layer_faults(trees) == ["audience.services imports the door audience.views"]


def test_no_exception_outlives_its_reason() -> None:
    trees = modules(ROOT)
    used = {
        module: {
            name.split(".")[1]
            for name in imports(trees[module])
            if name.startswith("campaigns.") and name.split(".")[1] in packages
        }
        for module, packages in REACH_UP.items()
    }
    assert used == REACH_UP


def route_length(view: Callable[..., object]) -> int:
    """Lines of a view's body, without its docstring and its decorators."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(view))))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_a_route_parses_calls_and_answers(app: Flask) -> None:
    """All of them, however they got into the map of addresses."""
    ours = {
        endpoint: view
        for endpoint, view in app.view_functions.items()
        if inspect.unwrap(view).__module__.startswith("campaigns.")
    }
    lengths = {endpoint: route_length(view) for endpoint, view in ours.items()}
    assert len(lengths) > 100
    assert {each: length for each, length in lengths.items() if length > LONGEST_ROUTE} == {}


def test_the_length_of_a_route_is_that_of_its_body() -> None:
    assert route_length(test_the_length_of_a_route_is_that_of_its_body) == 1


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
