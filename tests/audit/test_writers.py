"""Who may write the audit log: what changes or reads personal data does it itself, whatever door it is called by."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOORS = ("views", "forms", "jobs", "guards")
# What has no service: who signs in or is refused, and the log's own export.
OWN = {
    "accounts/views.py",
    "accounts/guards.py",
    "accounts/audit.py",
    "audit/views.py",
    "cli/audit.py",
    "cli/operators.py",
    "accounts/factor/guards.py",
    "cli/demo_data/history.py",
}


def is_door(path: str) -> bool:
    return path.startswith(("cli/", "public/", "audience/pages/")) or Path(path).stem in DOORS


def writers() -> set[str]:
    found = set()
    for path in (ROOT / "campaigns").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and ast.unparse(node.func) in (
                "audit.record",
                "audit_services.record",
                "services.record",
            ):
                found.add(str(path.relative_to(ROOT / "campaigns")))
    return found


def test_services_write_it_and_doors_do_not() -> None:
    assert {path for path in writers() if is_door(path)} <= OWN
    assert len(writers() - OWN) > 15
