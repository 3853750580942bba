"""Whether the database and Redis answer, without details about them."""

from __future__ import annotations

import time

import sqlalchemy as sa
from flask import current_app

from campaigns.core import queue
from campaigns.core.db import db

KEPT_S = 1.0  # so that many clients cause at most one check a second
_KEY = "columba.all_is_well_until"
_ASK = sa.text("SELECT 1")


def check(*, now_s: float | None = None) -> dict[str, str]:
    """`ok` or `away` for the database and Redis. A result with all `ok` is kept for KEPT_S, others are not kept.

    `now_s`: the monotonic clock, in seconds.
    """
    now_s = time.monotonic() if now_s is None else now_s
    if now_s < current_app.extensions.get(_KEY, 0.0):
        return {"database": "ok", "redis": "ok"}
    found = {"database": _answer(_database), "redis": _answer(_redis)}
    if set(found.values()) == {"ok"}:
        current_app.extensions[_KEY] = now_s + KEPT_S
    return found


def _database() -> None:
    db.session.execute(_ASK)


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
