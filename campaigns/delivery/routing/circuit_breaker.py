"""A circuit breaker for each sending server, shared by all workers.

Closed breaker: mail flows. Open (`closed_until` in the future): nothing is sent over the server. On trial
(`failures` at the limit, the time over): one lane tries it one message at a time, and three accepted ones end
the trial. Independently, a server that asks for less gets half as many connections, then gradually more
again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.settings.models import Server

OPEN_AT = 5  # failures in a row
GOOD_ON_TRIAL = 3
TRIAL_FOR = timedelta(seconds=60)  # then another lane may try
FIRST_CLOSED = timedelta(seconds=60)
LONGEST_CLOSED = timedelta(minutes=15)
# A server that takes no connection is asked again soon: that costs one attempt to connect and no recipient.
FIRST_AWAY = timedelta(seconds=1)
LONGEST_AWAY = timedelta(seconds=60)
ACCOUNT_CLOSED_FOR = timedelta(minutes=15)
# No reply says when the daily quota is reset: one message an hour tests it.
QUOTA_CLOSED_FOR = timedelta(hours=1)
FIRST_EASED = timedelta(seconds=60)
LONGEST_EASED = timedelta(minutes=10)
OK_EVERY = timedelta(seconds=10)


def is_closed(server: Server, *, now: datetime) -> bool:
    """Whether nothing is sent over the server for now."""
    return server.closed_until is not None and server.closed_until > now


def is_on_trial(server: Server) -> bool:
    """Whether it failed so often that a few messages have to test it first."""
    return server.failures >= OPEN_AT


def take_trial(server_id: int, *, now: datetime) -> bool:
    """Become the one lane that tests the server; False when another one does. `end_trial` ends it."""
    is_over = sa.or_(Server.closed_until.is_(None), Server.closed_until <= now)
    return _update(server_id, is_over, closed_until=now + TRIAL_FOR)


def end_trial(server_id: int, *, now: datetime) -> None:
    """Give the role of testing back: this lane had nothing left to send."""
    _update(server_id, Server.failures >= OPEN_AT, closed_until=now)


def answered(server_id: int, *, now: datetime) -> None:
    """A connection test succeeded: the server gets mail again, one message at a time at first."""
    _update(server_id, sa.true(), closed_until=None, down_since=None, last_ok_at=now)


def note_ok(server_id: int, *, now: datetime) -> None:
    """The server accepted messages: reset its failures."""
    _update(server_id, sa.true(), failures=0, closed_until=None, down_since=None, last_ok_at=now)


def note_failure(
    server_id: int,
    text: str,
    *,
    times: int = 1,
    is_trial: bool = False,
    is_away: bool = False,
    now: datetime,
) -> int:
    """Count `times` failed connections in a row; from the fifth on, the breaker opens for a while, longer
    after each failed trial. `is_away`: it took no connection, so that trying again is cheap. Returns the
    number of failures so far.
    """
    _update(server_id, sa.true(), last_error_at=now, last_error=text[:500])
    if is_trial:
        _update(server_id, sa.true(), failures=Server.failures + 1)
    else:
        # Lanes that notice the same outage count it once.
        counted = sa.case((Server.failures + times > OPEN_AT, OPEN_AT), else_=Server.failures + times)
        if not _update(server_id, Server.failures < OPEN_AT, failures=counted):
            return OPEN_AT
    failures = db.session.scalar(sa.select(Server.failures).where(Server.id == server_id)) or 0
    if failures >= OPEN_AT:
        down_since = sa.func.coalesce(Server.down_since, sa.literal(now, Server.down_since.type))
        closed_until = now + closed_for(failures, is_away=is_away)
        _update(server_id, sa.true(), closed_until=closed_until, down_since=down_since)
    return failures


def close(server_id: int, text: str, *, until: datetime, now: datetime) -> None:
    """Send nothing over the server before `until`."""
    _update(server_id, sa.true(), closed_until=until, last_error_at=now, last_error=text[:500])


def refuse(server_id: int, text: str, *, now: datetime) -> None:
    """The server rejects our account: open the breaker; a message every quarter of an hour tests it."""
    down_since = sa.func.coalesce(Server.down_since, sa.literal(now, Server.down_since.type))
    _update(server_id, sa.true(), failures=OPEN_AT, down_since=down_since)
    close(server_id, text, until=now + ACCOUNT_CLOSED_FOR, now=now)


def ease(server_id: int, text: str, *, now: datetime) -> bool:
    """The server asks for less: close it, longer each time, and halve its connections. False if just done."""
    row = db.session.execute(
        sa.select(Server.connections, Server.eased_to, Server.eased).where(Server.id == server_id)
    ).one()
    is_open = sa.or_(Server.closed_until.is_(None), Server.closed_until <= now)
    return _update(
        server_id,
        is_open,
        eased_to=halved(min(row.connections, row.eased_to or row.connections)),
        eased=Server.eased + 1,
        closed_until=now + eased_for(row.eased + 1),
        last_error_at=now,
        last_error=text[:500],
    )


def unease(server_id: int) -> None:
    """The server accepted many messages without asking for less: allow one connection more."""
    is_all = Server.eased_to + 1 >= Server.connections
    more = sa.case((is_all, sa.null()), else_=Server.eased_to + 1)
    _update(server_id, Server.eased_to.is_not(None), eased_to=more, eased=0)


def note_rate(server_id: int, *, per_minute: int) -> None:
    """Store the rate that the server accepts unhindered, messages a minute: the next send's estimate."""
    _update(server_id, sa.true(), measured_per_minute=max(1, per_minute))


def reopen(server_id: int) -> None:
    """Try the server again at once, at an operator's request."""
    _update(server_id, sa.true(), closed_until=None, failures=0, down_since=None)


def closed_for(failures: int, *, is_away: bool = False) -> timedelta:
    """How long the breaker stays open after that many failures in a row."""
    times = min(10, max(0, failures - OPEN_AT))
    if is_away:  # half as long as it has been away: then it is found soon after its return
        return min(LONGEST_AWAY, FIRST_AWAY * 1.5**times)
    return min(LONGEST_CLOSED, FIRST_CLOSED * 2**times)


def eased_for(times: int) -> timedelta:
    """How long the server rests when it asks for less the n-th time in a row."""
    return min(LONGEST_EASED, FIRST_EASED * 2 ** min(10, max(0, times - 1)))


def halved(connections: int) -> int:
    """Half as many, at least one."""
    return max(1, connections // 2)


def _update(server_id: int, condition: sa.ColumnElement[bool], **values: object) -> bool:
    statement = sa.update(Server).where(Server.id == server_id, condition).values(**values)
    done = db.session.execute(statement.execution_options(synchronize_session=False))
    return bool(done.rowcount)  # type: ignore[attr-defined]
