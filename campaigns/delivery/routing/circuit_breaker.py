"""How a sending server behaves: the breaker that closes it for a while, shared by all workers.

Closed breaker: mail flows. Open (`closed_until` in the future): nothing is sent over it. On trial (`failures`
at the limit, the time over): one lane tries it with one mail at a time, and three good ones end the trial.
Apart from that a server that asks for less gets half as many connections, and more again bit by bit.
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
ACCOUNT_CLOSED_FOR = timedelta(minutes=15)
# Nobody says when the day's allowance begins anew: one mail an hour finds out.
QUOTA_CLOSED_FOR = timedelta(hours=1)
FIRST_EASED = timedelta(seconds=60)
LONGEST_EASED = timedelta(minutes=10)
OK_EVERY = timedelta(seconds=10)


def is_closed(server: Server, *, now: datetime) -> bool:
    """Whether nothing is sent over the server for now."""
    return server.closed_until is not None and server.closed_until > now


def is_on_trial(server: Server) -> bool:
    """Whether it has failed so often that some mails have to show first that it works again."""
    return server.failures >= OPEN_AT


def take_trial(server_id: int, *, now: datetime) -> bool:
    """Be the one lane that tries it out; False when another does. `end_trial` gives the role back."""
    is_over = sa.or_(Server.closed_until.is_(None), Server.closed_until <= now)
    return _update(server_id, is_over, closed_until=now + TRIAL_FOR)


def end_trial(server_id: int, *, now: datetime) -> None:
    """Nothing was left to try it out with: let the next lane do so."""
    _update(server_id, Server.failures >= OPEN_AT, closed_until=now)


def answered(server_id: int, *, now: datetime) -> None:
    """It let us in when it was tested: it gets mails again, one by one at first."""
    _update(server_id, sa.true(), closed_until=None, down_since=None, last_ok_at=now)


def note_ok(server_id: int, *, now: datetime) -> None:
    """It took mails: forget its failures."""
    _update(server_id, sa.true(), failures=0, closed_until=None, down_since=None, last_ok_at=now)


def note_failure(server_id: int, text: str, *, times: int = 1, is_trial: bool = False, now: datetime) -> int:
    """It could not be reached so often in a row; from the fifth time on it is closed for a while, longer
    after each trial that fails. The failures so far."""
    _update(server_id, sa.true(), last_error_at=now, last_error=text[:500])
    if is_trial:
        _update(server_id, sa.true(), failures=Server.failures + 1)
    else:
        # Lanes that notice the same breakdown together are one breakdown.
        counted = sa.case((Server.failures + times > OPEN_AT, OPEN_AT), else_=Server.failures + times)
        if not _update(server_id, Server.failures < OPEN_AT, failures=counted):
            return OPEN_AT
    failures = db.session.scalar(sa.select(Server.failures).where(Server.id == server_id)) or 0
    if failures >= OPEN_AT:
        down_since = sa.func.coalesce(Server.down_since, sa.literal(now, Server.down_since.type))
        _update(server_id, sa.true(), closed_until=now + closed_for(failures), down_since=down_since)
    return failures


def close(server_id: int, text: str, *, until: datetime, now: datetime) -> None:
    """Send nothing over it before that moment."""
    _update(server_id, sa.true(), closed_until=until, last_error_at=now, last_error=text[:500])


def refuse(server_id: int, text: str, *, now: datetime) -> None:
    """It refuses our account: open the breaker at once; one mail every quarter of an hour finds out."""
    down_since = sa.func.coalesce(Server.down_since, sa.literal(now, Server.down_since.type))
    _update(server_id, sa.true(), failures=OPEN_AT, down_since=down_since)
    close(server_id, text, until=now + ACCOUNT_CLOSED_FOR, now=now)


def ease(server_id: int, text: str, *, now: datetime) -> bool:
    """It asks for less: half the connections, after a wait that doubles. False when that was just done."""
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
    """It took a good many mails without asking for less: one connection more."""
    is_all = Server.eased_to + 1 >= Server.connections
    more = sa.case((is_all, sa.null()), else_=Server.eased_to + 1)
    _update(server_id, Server.eased_to.is_not(None), eased_to=more, eased=0)


def note_rate(server_id: int, *, per_minute: int) -> None:
    """So many mails a minute it takes when nothing holds us up: what the next send is expected to do."""
    _update(server_id, sa.true(), measured_per_minute=max(1, per_minute))


def reopen(server_id: int) -> None:
    """Try it again at once: an operator says so."""
    _update(server_id, sa.true(), closed_until=None, failures=0, down_since=None)


def closed_for(failures: int) -> timedelta:
    """How long the breaker stays open after so many failures in a row."""
    return min(LONGEST_CLOSED, FIRST_CLOSED * 2 ** min(10, max(0, failures - OPEN_AT)))


def eased_for(times: int) -> timedelta:
    """How long it is left alone when it asks for less the n-th time in a row."""
    return min(LONGEST_EASED, FIRST_EASED * 2 ** min(10, max(0, times - 1)))


def halved(connections: int) -> int:
    """Half as many, but one."""
    return max(1, connections // 2)


def _update(server_id: int, condition: sa.ColumnElement[bool], **values: object) -> bool:
    statement = sa.update(Server).where(Server.id == server_id, condition).values(**values)
    done = db.session.execute(statement.execution_options(synchronize_session=False))
    return bool(done.rowcount)  # type: ignore[attr-defined]
