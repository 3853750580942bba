"""Who may write the audit log: what changes or reads personal data does it itself, whatever door it is called by."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.doors import is_door
from tests.architecture.sources import ROOT, modules

LOGS = {"campaigns.audit.services", "campaigns.accounts.audit"}
VERBS = {"record", "record_own"}  # what writes an entry in the caller's words
MODEL = "campaigns.audit.models.AuditEntry"
# Makes up what others did months ago.
OWN = {"cli.demo_data.history"}


def writes(tree: ast.Module) -> bool:
    """Whether a module words an entry of the log itself, by whatever name it has imported the log or its verb."""
    known = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    known |= {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname
    }
    verbs = {f"{log}.{verb}" for log in LOGS for verb in VERBS} | {MODEL}
    return any(_full(node.func, known) in verbs for node in ast.walk(tree) if isinstance(node, ast.Call))


def _full(called: ast.expr, known: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(called).partition(".")
    return known.get(first, first) + dot + rest


def writers() -> set[str]:
    return {name for name, tree in modules(ROOT).items() if writes(tree)}


def test_services_write_it_and_doors_do_not() -> None:
    found = writers()
    assert {name for name in found if is_door(name)} == OWN
    assert len(found - OWN) > 20


@pytest.mark.parametrize(
    "source",
    [
        "from campaigns.audit import services\nservices.record('list.created')",
        "from campaigns.audit import services as log\nlog.record('list.created')",
        "from campaigns.audit.services import record\nrecord('list.created')",
        "from campaigns.accounts import audit\ndef view():\n    return audit.record_own('list.created', who)",
        "import campaigns.audit.services\ncampaigns.audit.services.record('list.created')",
        "import campaigns.audit.services as log\nlog.record('list.created')",
        "from campaigns.audit.models import AuditEntry as Row\ndb.session.add(Row(action='list.created'))",
    ],
)
def test_a_door_that_writes_it_is_told(source: str) -> None:
    assert writes(ast.parse(source))


def test_a_door_that_asks_a_service_to_is_let_be() -> None:
    source = "from campaigns.audit import services as audit_services\naudit_services.record_export(chosen, now=now)"
    assert not writes(ast.parse(source))
