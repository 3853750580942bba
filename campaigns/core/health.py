"""Whether the parts that the app stands on answer. Says nothing about them."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.core import queue
from campaigns.core.db import db


def check() -> dict[str, str]:
    """`ok` or `away` for the database and Redis."""
    return {"database": _answer(_database), "redis": _answer(_redis)}


def _database() -> None:
    db.session.execute(sa.text("SELECT 1"))


def _redis() -> None:
    queue.client().ping()


def _answer(ask: object) -> str:
    try:
        ask()  # type: ignore[operator]
    except sa.exc.OperationalError:
        return "away"
    except queue.away():
        return "away"
    return "ok"
