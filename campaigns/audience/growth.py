"""How the number of subscriptions grew, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Status, Subscription
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite

_JOINED_AT = sa.func.coalesce(Subscription.confirmed_at, Subscription.created_at)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: who came, who left, and how many subscriptions there were at its end."""

    day: date
    joined: int
    left: int
    total: int


def growth(days: int, *, now: datetime, zone: tzinfo = UTC, list_id: int | None = None) -> Sequence[Day]:
    """The last days up to today in that zone, the oldest first; of one list or of all."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    start = datetime(first.year, first.month, first.day, tzinfo=zone)
    here = [] if list_id is None else [Subscription.list_id == list_id]
    joined = _per_day(_JOINED_AT, start, zone, *here, Subscription.status != Status.UNCONFIRMED)
    left = _per_day(Subscription.unsubscribed_at, start, zone, *here)
    total = (
        db.session.scalar(
            sa.select(sa.func.count())
            .select_from(Subscription)
            .where(Subscription.status == Status.SUBSCRIBED, *here)
        )
        or 0
    )
    found: list[Day] = []
    for back in range(days):
        day = today - timedelta(days=back)
        found.append(Day(day, joined[day], left[day], total))
        total -= joined[day] - left[day]
    return found[::-1]


def _per_day(moment: Any, start: datetime, zone: tzinfo, *wanted: Any) -> Counter[date]:
    """Counted per hour by the database, put into the days of the zone here."""
    hour = _hour(moment)
    rows = db.session.execute(sa.select(hour, sa.func.count()).where(moment >= start, *wanted).group_by(hour))
    found: Counter[date] = Counter()
    for text, number in rows:
        begins = datetime.strptime(text, "%Y-%m-%d %H").replace(tzinfo=UTC)
        found[begins.astimezone(zone).date()] += number
    return found


def _hour(moment: Any) -> Any:
    """The hour in UTC as text, like `2026-11-23 12`."""
    if is_sqlite():
        return sa.func.substr(sa.cast(moment, sa.String), 1, 13)
    return sa.func.to_char(sa.func.timezone("UTC", moment), "YYYY-MM-DD HH24")
