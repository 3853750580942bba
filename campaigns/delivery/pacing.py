"""What sets the pace of a campaign, and what it waits for: read for pages, never by lanes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from campaigns.core import clock
from campaigns.delivery import allowance, forecast, hours, routes, throttle
from campaigns.delivery.allowance import Caps, Counts
from campaigns.delivery.forecast import Pacing
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
    server: str = ""


def expected_end(campaign: Campaign, waiting: int, *, per_second: float, now: datetime) -> datetime | None:
    """When `waiting` mails will be out, at the measured rate or, before there is one, at the servers' last."""
    pacing = pacing_of(campaign, _servers(campaign), per_second=per_second, now=now)
    start = max(now, campaign.send_at or now) if campaign.status is Status.SCHEDULED else now
    return forecast.expected_end(waiting, pacing, start=start)


def pacing_of(campaign: Campaign, servers: list[Server], *, per_second: float, now: datetime) -> Pacing:
    """The rate and all that limits it, as it stands now; servers that share the work give what they have together."""
    window = windows.parse(campaign.sending_hours) if campaign.sending_hours else None
    limits = {server.id: throttle.limits_of(server) for server in servers}
    usual = sum(server.measured_per_minute or 0 for server in servers) / 60
    is_unhindered = campaign.status is Status.SENDING and window is None and not any(limits.values())
    # While a limit or the night holds it up, the last minute says nothing about the next.
    rate = per_second if is_unhindered else max(per_second, usual)
    caps = [limits[server.id].at(now) for server in servers]
    fastest = sum(each.per_second for each in caps) if caps else math.inf
    if fastest < math.inf:
        rate = min(rate or math.inf, fastest)
    counts = [throttle.counts_of(server.id) if limits[server.id] else {} for server in servers]
    warming = limits[servers[0].id] if len(servers) == 1 else None
    return Pacing(
        per_second=rate,
        per_hour=_together([each.hour for each in caps]),
        per_day=_together([each.day for each in caps]),
        free_this_hour=_together([_free(*each, "hour", now) for each in zip(counts, caps, strict=True)]),
        free_today=_together([_free(*each, "day", now) for each in zip(counts, caps, strict=True)]),
        warm_up_from=warming.warm_up_from if warming else None,
        warm_up_curve=warming.warm_up_curve if warming else (),
        used_today=allowance.used_today(counts[0], caps[0]) if warming else 0,
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
    found = [_holdup_of(server, now) for server in _servers(campaign)]
    held = [each for each in found if each is not None]
    if not held or len(held) < len(found):
        return None  # one of them at least is free
    return min(held, key=lambda each: each.until or now)


def _holdup_of(server: Server, now: datetime) -> Holdup | None:
    limits = throttle.limits_of(server)
    if not limits:
        return None
    caps, counts = limits.at(now), throttle.counts_of(server.id)
    if caps.today is not None and allowance.used_today(counts, caps) >= caps.today:
        until = datetime.fromtimestamp(caps.tomorrow_at, UTC)
        return Holdup("warm_up", until, caps.today, server=server.name)
    found = _limit(counts, caps, now) or _day_of_warm_up(caps)
    return found and replace(found, server=server.name)


def _servers(campaign: Campaign) -> list[Server]:
    """Those that share the work; the ones that only step in are no help in counting."""
    return next(iter(routes.of(campaign)), [])


def _together(numbers: list[int | None]) -> int | None:
    known = [each for each in numbers if each is not None]
    return sum(known) if known and len(known) == len(numbers) else None


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


def _free(counts: Counts, caps: Caps, name: str, now: datetime) -> int | None:
    if caps.of(name) is None:
        return None
    return allowance.free(counts, caps.only(name), held=0, at=now.timestamp())
