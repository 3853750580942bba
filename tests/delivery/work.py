"""How much a database does for something, counted instead of timed: the same on a busy machine."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from campaigns.core.db import db

STEPS = 10  # of SQLite's machine, between two calls


def work(do: Callable[[], object]) -> int:
    """Rows that PostgreSQL reads for it, steps that SQLite takes."""
    do()  # compiles the statements, fills the caches
    return _steps(do) if db.engine.dialect.name == "sqlite" else _rows(do)


def _steps(do: Callable[[], object]) -> int:
    found = [0]

    def count() -> int:
        found[0] += STEPS
        return 0

    raw = db.session.connection().connection.dbapi_connection
    assert raw is not None
    db.session.rollback()
    raw.set_progress_handler(count, STEPS)  # type: ignore[attr-defined]
    try:
        do()
    finally:
        raw.set_progress_handler(None, 0)  # type: ignore[attr-defined]
    return found[0]


def _rows(do: Callable[[], object]) -> int:
    before = _rows_so_far()
    do()
    return _rows_so_far() - before


def _rows_so_far() -> int:
    db.session.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    db.session.commit()
    found = db.session.scalar(
        sa.text(
            "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)"
            " + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
        )
    )
    db.session.rollback()
    return int(found or 0)
