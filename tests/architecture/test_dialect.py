"""Statements that differ between SQLite and PostgreSQL stand in `core.dialect`; what can't is named here, and why."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "campaigns"
BRANCHES = re.compile(r"\bis_sqlite\(\)|\bdialect\.name\b|@compiles\(")
HERE = "core/dialect.py"
ELSEWHERE = {
    "core/bulk.py": "COPY, and ids of new rows",
    "audience/imports/runner.py": "SQLite has one writer, so others get a turn between slices",
    "audience/finding/bulk_writes.py": "what triggers of SQLite leave to whoever writes many rows",
    "audience/finding/sizes.py": "triggers count in another way on each",
    "audience/finding/texts.py": "the index of texts: FTS5 or pg_trgm",
    "core/db.py": "opens the connections: pragmas of SQLite",
    "core/time_limit.py": "how a statement is stopped",
    "delivery/came_back.py": "a statement that is made once, for each database its own",
    "delivery/sender/store.py": "settings of a lane's own connection",
    "delivery/autopause/restored_backup.py": "what a copied file means, and how durable one commit is",
    "public/visit.py": "SQLite has one writer, so readers' visits take turns",
    "delivery/ledger/leases.py": "the moment of the database, as an expression of its own",
    "delivery/ledger/candidates.py": "plain SQL of every window, written for each database to be quick",
    "delivery/ledger/batches.py": "the same",
    "delivery/ledger/results.py": "the same: an array for each column of the results in one statement",
    "delivery/ledger/tallies.py": "a lateral join where the planner needs one",
    "delivery/ledger/waves.py": "memory to sort a million keys, set for one transaction",
}


def branching() -> set[str]:
    """The modules that ask which database it is, or have a statement for each."""
    paths = (path for path in ROOT.rglob("*.py") if BRANCHES.search(path.read_text()))
    return {str(path.relative_to(ROOT)) for path in paths} - {HERE}


def test_statements_that_differ_stand_in_one_place() -> None:
    assert branching() == set(ELSEWHERE)


def test_a_branch_is_found() -> None:
    for line in ("if is_sqlite():", 'connection.dialect.name == "sqlite"', '@compiles(Moment, "sqlite")'):
        assert BRANCHES.search(line), line
    assert not BRANCHES.search("is_sqlite = getattr(cause, 'code') == FULL")
