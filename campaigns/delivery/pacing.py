"""What sets the pace of a campaign, and what it waits for: read for pages, never by lanes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from campaigns.core import clock
from campaigns.delivery import allowance, forecast, hours, throttle
from campaigns.delivery.allowance import Caps, Counts
from campaigns.delivery.forecast import Pacing
from campaigns.planning import queries as planning
from campaigns.planning import windows
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings
from campaigns.settings.models import Server

UNITS = ("day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class Holdup:
    """Why a campaign is slow or waits: `kind` is hours, warm_up, day, hour, minute or second.

    `until` is when it goes on; None while it goes on, only slower. `number` is the limit.
    """

    kind: str
    until: datetime | None = None
    number: int = 0
    words: str = ""


def expected_end(campaign: Campaign, waiting: int, *, per_second: float, now: datetime) -> datetime | None:
    """When `waiting` mails will be out, at the measured rate or, before there is one, at the server's last."""
    pacing = pacing_of(campaign, planning.server_of(campaign), per_second=per_second, now=now)
    start = max(now, campaign.send_at or now) if campaign.status is Status.SCHEDULED else now
    return forecast.expected_end(waiting, pacing, start=start)


def pacing_of(campaign: Campaign, server: Server | None, *, per_second: float, now: datetime) -> Pacing:
    """The rate and all that limits it, as it stands now."""
    window = windows.parse(campaign.sending_hours) if campaign.sending_hours else None
    if server is None:
        return Pacing(per_second, window=window)
    limits = throttle.limits_of(server)
    usual = (server.measured_per_minute or 0) / 60
    is_under_way = campaign.status is Status.SENDING and not limits and window is None
    # While a limit or the night holds it up, the last minute says nothing about the next.
    rate = per_second if is_under_way else max(per_second, usual)
    caps = limits.at(now)
    if caps.per_second < math.inf:
        rate = min(rate or math.inf, caps.per_second)
    counts = throttle.counts_of(server.id) if limits else {}
    return Pacing(
        per_second=rate,
        per_hour=caps.hour,
        per_day=caps.day,
        free_this_hour=_free(counts, "hour", caps, now),
        free_today=_free(counts, "day", caps, now),
        warm_up_from=limits.warm_up_from,
        warm_up_curve=limits.warm_up_curve,
        used_today=allowance.used_today(counts, caps),
        zone=clock.zone(settings.site().time_zone),
        window=window,
    )


def holdup_of(campaign: Campaign, *, now: datetime) -> Holdup | None:
    """Why the campaign is slow or waits; None when nothing but the wire limits it."""
    if campaign.status is not Status.SENDING:
        return None
    opening = hours.next_opening(campaign, now)
    if opening is not None:
        return Holdup("hours", opening, words=hours.words(campaign))
    server = planning.server_of(campaign)
    limits = throttle.limits_of(server) if server else None
    if server is None or not limits:
        return None
    caps, counts = limits.at(now), throttle.counts_of(server.id)
    if caps.today is not None and allowance.used_today(counts, caps) >= caps.today:
        return Holdup("warm_up", datetime.fromtimestamp(caps.tomorrow_at, UTC), caps.today)
    return _limit(counts, caps, now) or _day_of_warm_up(caps)


def _limit(counts: Counts, caps: Caps, now: datetime) -> Holdup | None:
    """The longest of the limits that are used up, else the one that makes it slow."""
    at = now.timestamp()
    for name in UNITS[:3]:
        cap = caps.of(name)
        if cap is None:
            continue
        due = allowance.free_at(counts, caps.only(name), held=0, at=at)
        if due > at:
            return Holdup(name, datetime.fromtimestamp(due, UTC), cap)
    for name in reversed(UNITS):
        cap = caps.of(name)
        if cap is not None:
            return Holdup(name, number=cap)
    return None


def _day_of_warm_up(caps: Caps) -> Holdup | None:
    return None if caps.today is None else Holdup("warm_up", number=caps.today)


def _free(counts: Counts, name: str, caps: Caps, now: datetime) -> int | None:
    cap = caps.of(name)
    if cap is None:
        return None
    return allowance.free(counts, caps.only(name), held=0, at=now.timestamp())
