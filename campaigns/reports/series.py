"""Figures over time, in the time zone of the viewer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from campaigns.audience.finding import sizes
from campaigns.audience.models import Status, Subscription
from campaigns.core import charts
from campaigns.core.db import db
from campaigns.core.dialect import minute_of, read_minute
from campaigns.core.i18n import translate
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Campaign

QUARTER_S = 900  # the smallest difference between the clocks of two zones
HOUR = timedelta(hours=1)
FIRST_HOURS = 48
FIRST_MINUTES, FEWEST_MINUTES = 180, 5
MOST_DAYS = 60


@dataclass(frozen=True, slots=True)
class Series:
    """Counts per step; `times`: the start of each step."""

    times: list[datetime] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)
    clicks: list[int] = field(default_factory=list)
    has_later: bool = False  # there are more after the last step shown

    @property
    def busiest(self) -> datetime | None:
        """The step in which most people opened."""
        return self.times[self.opens.index(max(self.opens))] if any(self.opens) else None

    def cumulated(self) -> Series:
        """The running total at the end of each step."""
        return replace(self, opens=list(accumulate(self.opens)), clicks=list(accumulate(self.clicks)))

    @property
    def is_empty(self) -> bool:
        return not any(self.opens) and not any(self.clicks)

    @property
    def lines(self) -> list[charts.Series]:
        """As a chart draws them."""
        return [
            charts.Series(translate("Opened"), self.opens),
            charts.Series(translate("Clicked"), self.clicks),
        ]


@dataclass(frozen=True, slots=True)
class Growth:
    """Subscribers at the end of each day, of a list or of all; and how many joined and left in that time."""

    days: list[datetime]
    subscribed: list[int]
    came: int
    left: int

    @property
    def subscribed_now(self) -> int:
        return self.subscribed[-1]

    @property
    def lines(self) -> list[charts.Series]:
        """As a chart draws it."""
        return [charts.Series(translate("Total"), self.subscribed)]


def by_minute(campaign: Campaign, zone: ZoneInfo, *, now: datetime) -> Series:
    """First opens and clicks of people, for each minute of the first three hours."""
    opens = _quarters(Delivery.opened_at, campaign.id, step_s=60)
    clicks = _quarters(Delivery.clicked_at, campaign.id, step_s=60)
    start = campaign.started_at
    if start is None:
        return Series()
    first = int(start.timestamp()) // 60
    last = max(min(int(now.timestamp()) // 60, first + FIRST_MINUTES), first + FEWEST_MINUTES)
    minutes = range(first, last + 1)
    return Series(
        [datetime.fromtimestamp(minute * 60, UTC) for minute in minutes],
        [opens.get(minute, 0) for minute in minutes],
        [clicks.get(minute, 0) for minute in minutes],
        has_later=any(minute > last for minute in opens),
    )


def is_young(campaign: Campaign, *, now: datetime) -> bool:
    """Whether hours are too coarse: the campaign began less than three hours ago."""
    return campaign.started_at is not None and now - campaign.started_at < FIRST_MINUTES * timedelta(
        minutes=1
    )


def by_hour(campaign: Campaign, zone: ZoneInfo, *, now: datetime) -> Series:
    """First opens and clicks of people, for each hour of the first two days."""
    opens, clicks = _quarters(Delivery.opened_at, campaign.id), _quarters(Delivery.clicked_at, campaign.id)
    start = campaign.started_at or _first(opens)
    if start is None:
        return Series()
    first = _hour(start, zone)
    end = min(now, first + FIRST_HOURS * HOUR)
    times = [first + number * HOUR for number in range(FIRST_HOURS) if first + number * HOUR <= end]
    later = (first + FIRST_HOURS * HOUR).timestamp() / QUARTER_S
    return Series(
        times,
        _per_hour(opens, first, len(times)),
        _per_hour(clicks, first, len(times)),
        has_later=any(quarter >= later for quarter in opens),
    )


def by_day(campaign: Campaign, zone: ZoneInfo, *, now: datetime) -> Series:
    """The same for each day, up to the last one with any."""
    opens, clicks = _quarters(Delivery.opened_at, campaign.id), _quarters(Delivery.clicked_at, campaign.id)
    start = campaign.started_at or _first(opens)
    if start is None:
        return Series()
    last = max((*opens, *clicks, int(start.timestamp()) // QUARTER_S))
    first_day, last_day = _day(start, zone), _day(_moment(last), zone)
    days = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
    days = days[:MOST_DAYS]
    opened, clicked = _per_day(opens, zone), _per_day(clicks, zone)
    return Series(
        [_midnight(day, zone) for day in days],
        [opened[day] for day in days],
        [clicked[day] for day in days],
    )


def growth(zone: ZoneInfo, *, days: int, now: datetime, list_id: int | None = None) -> Growth:
    """Subscribers of a list (None: of all) at the end of each day in that zone, counted back from today."""
    here = () if list_id is None else (Subscription.list_id == list_id,)
    today = _day(now, zone)
    since = _midnight(today - timedelta(days=days), zone)
    came_at = sa.func.coalesce(Subscription.confirmed_at, Subscription.created_at)
    came = _per_day(_subscriptions(came_at, since, *here), zone)
    left = _per_day(_subscriptions(Subscription.unsubscribed_at, since, *here), zone)
    number = sizes.subscribed(list_id)
    shown, counts = [], []
    for day in (today - timedelta(days=back) for back in range(days)):
        shown.append(_midnight(day, zone))
        counts.append(max(0, number))
        number += left[day] - came[day]
    span = [today - timedelta(days=back) for back in range(days)]
    return Growth(shown[::-1], counts[::-1], sum(came[day] for day in span), sum(left[day] for day in span))


def _quarters(column: Any, campaign_id: int, *, step_s: int = QUARTER_S) -> dict[int, int]:
    """Number of ledger rows for each quarter of an hour (or other step) since 1970."""
    return _per_step(
        column, step_s, Delivery.campaign_id == campaign_id, Delivery.is_latest, column.is_not(None)
    )


def _subscriptions(column: Any, since: datetime, *here: Any) -> dict[int, int]:
    return _per_step(column, QUARTER_S, Subscription.status != Status.UNCONFIRMED, column >= since, *here)


def _per_step(column: Any, step_s: int, *conditions: Any) -> dict[int, int]:
    """Number of moments in each step since 1970."""
    minute = minute_of(column).label("minute")
    rows = db.session.execute(sa.select(minute, sa.func.count()).where(*conditions).group_by(minute))
    found: Counter[int] = Counter()
    for text, number in rows:
        found[int(read_minute(text).timestamp()) // step_s] += number
    return found


def _per_hour(quarters: dict[int, int], first: datetime, hours: int) -> list[int]:
    found = [0] * hours
    for quarter, number in quarters.items():
        place = (quarter * QUARTER_S - int(first.timestamp())) // 3600
        if 0 <= place < hours:
            found[place] += number
    return found


def _per_day(quarters: dict[int, int], zone: ZoneInfo) -> Counter[date]:
    found: Counter[date] = Counter()
    for quarter, number in quarters.items():
        found[_day(_moment(quarter), zone)] += number
    return found


def _first(quarters: dict[int, int]) -> datetime | None:
    return _moment(min(quarters)) if quarters else None


def _moment(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_S, UTC)


def _hour(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
