"""Work that waits for a worker, and what asking for it costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to the database meanwhile, without the words around transactions."""
    said: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            said.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def held_by_somebody(server_id: int, *, messages: int = 0) -> dict[str, object]:
    now = clock.now()
    return {
        "owner": "somebody",
        "server_id": server_id,
        "campaign_id": 99,
        "connections": 1,
        "messages": messages,
        "until": now + timedelta(minutes=1),
        "created_at": now,
    }
