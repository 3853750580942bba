"""How a sending server behaves: the breaker that closes it for a while, shared by all workers."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.settings.models import Server

OPEN_AT = 5  # failures in a row
FIRST_CLOSED = timedelta(seconds=60)
LONGEST_CLOSED = timedelta(minutes=15)
GIVE_UP_AT = 10  # by then it was closed for half an hour in all
# Nobody says when the day's allowance begins anew: one mail an hour finds out.
QUOTA_CLOSED_FOR = timedelta(hours=1)
THROTTLED_FOR = timedelta(seconds=60)
OK_EVERY = timedelta(seconds=10)


def is_closed(server: Server, *, now: datetime) -> bool:
    """Whether nothing is sent over the server for now."""
    return server.closed_until is not None and server.closed_until > now


def is_on_trial(server: Server) -> bool:
    """Whether it has failed so often that one mail has to show first that it works again."""
    return server.failures >= OPEN_AT


def note_ok(server_id: int, *, now: datetime) -> None:
    """It took a mail: forget its failures. Written at most every few seconds."""
    stale = sa.or_(
        Server.failures > 0,
        Server.closed_until.is_not(None),
        Server.last_ok_at.is_(None),
        Server.last_ok_at < now - OK_EVERY,
    )
    _update(server_id, stale, failures=0, closed_until=None, last_ok_at=now)


def note_failure(server_id: int, text: str, *, now: datetime) -> int:
    """It could not be reached; from the fifth time in a row it is closed for a while. The failures so far."""
    error = {"last_error_at": now, "last_error": text[:500]}
    _update(server_id, sa.true(), failures=Server.failures + 1, **error)
    failures = db.session.scalar(sa.select(Server.failures).where(Server.id == server_id)) or 0
    if failures >= OPEN_AT:
        _update(server_id, sa.true(), closed_until=now + closed_for(failures))
    return failures


def close(server_id: int, text: str, *, until: datetime, now: datetime) -> None:
    """Send nothing over it before that moment."""
    _update(server_id, sa.true(), closed_until=until, last_error_at=now, last_error=text[:500])


def reopen(server_id: int) -> None:
    """Try it again at once: an operator says so."""
    _update(server_id, sa.true(), closed_until=None, failures=0)


def closed_for(failures: int) -> timedelta:
    """How long the breaker stays open after so many failures in a row."""
    return min(LONGEST_CLOSED, FIRST_CLOSED * 2 ** max(0, failures - OPEN_AT))


def _update(server_id: int, condition: sa.ColumnElement[bool], **values: object) -> None:
    statement = sa.update(Server).where(Server.id == server_id, condition).values(**values)
    db.session.execute(statement.execution_options(synchronize_session=False))
