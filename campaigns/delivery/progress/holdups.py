"""What sets the pace of a campaign, and what it waits for: read for pages, never by lanes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from campaigns.core import clock
from campaigns.delivery.limits import sending_hours, server_throttle, sliding_window
from campaigns.delivery.limits.sliding_window import Caps, Counts
from campaigns.delivery.progress import domain_sample, eta
from campaigns.delivery.progress.eta import Pacing, ServerPace
from campaigns.delivery.routing import server_selection
from campaigns.planning import windows
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server

UNITS = ("day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class Holdup:
    """Why a campaign is slow or waits: `kind` is hours, warm_up, day, hour, minute or second.

    `until`: when it continues (UTC); None if it is only slower. `number`: the limit.
    """

    kind: str
    until: datetime | None = None
    number: int = 0
    words: str = ""
    server: str = ""


def expected_end(campaign: Campaign, waiting: int, *, per_second: float, now: datetime) -> datetime | None:
    """When `waiting` messages will be sent (UTC), by the measured rate or else the servers' last one."""
    pacing = pacing_of(campaign, _servers(campaign), waiting, per_second=per_second, now=now)
    start = max(now, campaign.send_at or now) if campaign.status is Status.SCHEDULED else now
    return eta.expected_end(waiting, pacing, start=start)


def pacing_of(
    campaign: Campaign, servers: list[Server], waiting: int, *, per_second: float, now: datetime
) -> Pacing:
    """The rate and everything that limits it now; `per_second`: measured messages a second."""
    window = windows.parse(campaign.sending_hours) if campaign.sending_hours else None
    receivers = domain_sample.paces(campaign, waiting)
    usual = sum(server.measured_per_minute or 0 for server in servers) / 60
    is_limited = any(server_throttle.limits_of(server) for server in servers)
    is_unhindered = campaign.status is Status.SENDING and not (is_limited or window or receivers)
    # While a limit or the sending hours hold it up, the last half minute does not predict the next.
    rate = per_second if is_unhindered else max(per_second, usual)
    return Pacing(
        servers=[_pace(server, rate * _part(server, servers), now=now) for server in servers],
        receivers=receivers,
        zone=clock.zone(settings_queries.site().time_zone),
        window=window,
    )


def _part(server: Server, servers: list[Server]) -> float:
    """The server's share of the whole rate, by the servers' last rates; equal shares if they are unknown."""
    known = [each.measured_per_minute for each in servers]
    if not all(known):
        return 1 / len(servers)
    return (server.measured_per_minute or 0) / sum(each or 0 for each in known)


def _pace(server: Server, rate: float, *, now: datetime) -> ServerPace:
    """The server's rate and limits, and what it was given lately."""
    limits = server_throttle.limits_of(server)
    if not limits:
        return ServerPace(rate)
    caps, counts = limits.at(now), server_throttle.counts_of(server.id)
    if caps.per_second < math.inf:
        rate = min(rate or math.inf, caps.per_second)
    return ServerPace(
        per_second=rate,
        per_hour=caps.hour,
        per_day=caps.day,
        free_this_hour=_free(counts, caps, "hour", now),
        free_today=_free(counts, caps, "day", now),
        warm_up_from=limits.warm_up_from,
        warm_up_curve=limits.warm_up_curve,
        used_today=sliding_window.used_today(counts, caps),
    )


def holdup_of(campaign: Campaign, *, now: datetime) -> Holdup | None:
    """Why the campaign is slow or waits; None when only the servers' speed limits it."""
    if campaign.status is not Status.SENDING:
        return None
    opening = sending_hours.next_opening(campaign, now)
    if opening is not None:
        return Holdup("hours", opening, words=sending_hours.words(campaign))
    found = [_holdup_of(server, now) for server in _servers(campaign)]
    held = [each for each in found if each is not None]
    if not held or len(held) < len(found):
        return None  # at least one of them is free
    return min(held, key=lambda each: each.until or now)


def _holdup_of(server: Server, now: datetime) -> Holdup | None:
    limits = server_throttle.limits_of(server)
    if not limits:
        return None
    caps, counts = limits.at(now), server_throttle.counts_of(server.id)
    if caps.today is not None and sliding_window.used_today(counts, caps) >= caps.today:
        until = datetime.fromtimestamp(caps.tomorrow_at, UTC)
        return Holdup("warm_up", until, caps.today, server=server.name)
    found = _limit(counts, caps, now) or _day_of_warm_up(caps)
    return found and replace(found, server=server.name)


def _servers(campaign: Campaign) -> list[Server]:
    """The servers that share the campaign; those that only step in do not count."""
    return next(iter(server_selection.of(campaign)), [])


def _limit(counts: Counts, caps: Caps, now: datetime) -> Holdup | None:
    """The longest of the used-up limits, else the one that makes it slow; None without either."""
    at = now.timestamp()
    for name in UNITS[:3]:
        cap = caps.of(name)
        if cap is None:
            continue
        due = sliding_window.free_at(counts, caps.only(name), held=0, at=at)
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
    return sliding_window.free(counts, caps.only(name), held=0, at=now.timestamp())
