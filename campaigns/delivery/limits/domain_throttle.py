"""Receivers that an operator has limited to a number of messages a minute, over all servers and lanes.

Messages are counted when they are marked, in the same transaction and under the lock of the limit's row.
Those over the limit are deferred without charging an attempt, spread over the time in which there will be
room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from campaigns.delivery.limits import sliding_window
from campaigns.delivery.limits.sliding_window import Caps
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.settings.models import DomainLimit

# Messages leave a little later than they are marked, and not all equally late.
ON_THE_WAY_S = 2.0
# No message is deferred for longer: those before it may be cancelled.
LONGEST_WAIT = timedelta(hours=1)


class Row(Protocol):
    """What a row has to offer that is about to be sent."""

    @property
    def id(self) -> int: ...
    @property
    def email(self) -> str | None: ...
    @property
    def tried_since(self) -> object: ...
    def horizon_from(self, now: datetime) -> datetime: ...


R = TypeVar("R", bound=Row)


class Quotas:
    """Applies the limits for one lane: `limited` are the receivers that have one."""

    def __init__(self, limited: Collection[str]) -> None:
        self._limited = frozenset(limited)

    def sort_out(
        self, connection: sa.Connection, rows: Sequence[R], *, group_of: Callable[[str], str], now: datetime
    ) -> list[R]:
        """The rows that may be sent now, in order; the others are deferred in the caller's transaction."""
        groups = {row.id: group_of(row.email or "") for row in rows} if self._limited else {}
        wanted = self._limited & set(groups.values())
        if not wanted:
            return list(rows)
        put_off: set[int] = set()
        for limit in _locked(connection, wanted):
            some = [row for row in rows if groups[row.id] == limit.domain]
            put_off.update(self._use(connection, limit, some, now))
        return [row for row in rows if row.id not in put_off]

    def _use(self, connection: sa.Connection, limit: Any, rows: Sequence[Row], now: datetime) -> list[int]:
        """Count the rows for which there is room; returns the ids of the others, which are deferred."""
        caps, at = Caps(minute=limit.per_minute), now.timestamp()
        counts = sliding_window.read(limit.counts)
        number = min(len(rows), sliding_window.free(counts, caps, held=0, at=at))
        counts = sliding_window.charged(counts, caps, number, at=at + ON_THE_WAY_S)
        others = rows[number:]
        until = limit.queued_until
        if others:
            room = now + timedelta(seconds=sliding_window.free_at(counts, caps, held=0, at=at) - at)
            until = _put_off(connection, others, limit, max(room, until or room), now)
        connection.execute(
            sa.update(DomainLimit).where(DomainLimit.id == limit.id).values(counts=counts, queued_until=until)
        )
        return [row.id for row in others]


def _locked(connection: sa.Connection, domains: Collection[str]) -> Sequence[Any]:
    columns = (
        DomainLimit.id,
        DomainLimit.domain,
        DomainLimit.per_minute,
        DomainLimit.counts,
        DomainLimit.queued_until,
    )
    statement = sa.select(*columns).where(DomainLimit.domain.in_(domains)).order_by(DomainLimit.id)
    return connection.execute(statement.with_for_update()).all()


def _put_off(
    connection: sa.Connection, rows: Sequence[Row], limit: Any, begin: datetime, now: datetime
) -> datetime:
    """Defer each row to a moment of its own from `begin` on; returns the next free moment."""
    step = timedelta(seconds=60 / limit.per_minute)
    until, values = begin, []
    for row in rows:
        if until > now + LONGEST_WAIT:
            until = now + step
        since = row.horizon_from(until) if row.tried_since is not None else None
        values.append({"row": row.id, "moment": until, "since": since})
        until += step
    connection.execute(_WAIT, values)
    return until


_WAIT = (
    sa.update(Delivery.__table__)  # type: ignore[arg-type]
    .where(Delivery.id == sa.bindparam("row"))
    .values(
        state=State.DEFERRED,
        reason=Reason.RECEIVER_LIMIT,
        next_at=sa.bindparam("moment", type_=Delivery.next_at.type),
        tried_since=sa.bindparam("since", type_=Delivery.tried_since.type),
    )
)
