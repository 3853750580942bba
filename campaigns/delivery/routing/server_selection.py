"""Which server a campaign is sent over: its own or those that share the load, and which ones step in."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.core import addresses
from campaigns.delivery.limits import server_throttle
from campaigns.delivery.routing import circuit_breaker
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server
from campaigns.settings.sharing import may_send_for


@dataclass(frozen=True, slots=True)
class Place:
    """A lane of a campaign over a server, reserved under `owner`. No server id: no server is left."""

    campaign_id: int
    server_id: int | None
    owner: str


def of(campaign: Campaign) -> list[list[Server]]:
    """The servers that may ever send it, in ranks: one rank shares the load, the next one steps in."""
    return ranks(
        settings_queries.servers(),
        named=campaign.server,
        fails_over=campaign.fails_over,
        domain=addresses.domain_of(campaign.from_email),
    )


def every(campaign: Campaign) -> list[Server]:
    """The servers that may ever send it, the first choice first."""
    return [server for rank in of(campaign) for server in rank]


def usable(campaign: Campaign, *, now: datetime) -> list[Server]:
    """The servers that lanes may use now: those of the first rank in which one is open.

    If there are several, those whose limits are used up are left out.
    """
    for rank in of(campaign):
        opened = [server for server in rank if not circuit_breaker.is_closed(server, now=now)]
        free = (
            opened
            if len(opened) < 2
            else [each for each in opened if server_throttle.free_at(each, now=now) <= now]
        )
        if opened:
            return free or opened
    return []


def has_stand_in(campaign: Campaign, server: Server, *, now: datetime) -> bool:
    """Whether another working server can take over from this one now."""
    return any(
        each.id != server.id
        and not circuit_breaker.is_on_trial(each)
        and not circuit_breaker.is_closed(each, now=now)
        for each in every(campaign)
    )


def choose(campaign: Campaign, *, now: datetime, dice: Callable[[], float] = random.random) -> Server | None:
    """The server for the next lane; None when all are closed or there is none."""
    servers = usable(campaign, now=now)
    return picked(servers, dice()) if servers else None


def ranks(
    servers: Sequence[Server], *, named: Server | None, fails_over: bool, domain: str
) -> list[list[Server]]:
    """The servers in ranks, without those that may not send for the domain.

    The test inbox never steps in for another server, nor another server for it.
    """
    first = named or next((each for each in servers if each.is_default), None) or next(iter(servers), None)
    if first is None or first.is_practice:
        return [[first]] if first else []
    allowed = [each for each in servers if not each.is_practice and may_send_for(each, domain)]
    sharing = [each for each in allowed if (each is first if named else share(each) or each is first)]
    standby = [each for each in allowed if each not in sharing] if fails_over else []
    standby.sort(key=lambda each: (-each.weight, each.id))
    return [rank for rank in (sharing, *([each] for each in standby)) if rank]


def picked(servers: Sequence[Server], dice: float) -> Server:
    """One of them, chosen by their shares; `dice` in [0, 1)."""
    left = dice * sum(share(each) or 1 for each in servers)
    for server in servers:
        left -= share(server) or 1
        if left < 0:
            return server
    return servers[-1]


def share(server: Server) -> int:
    """The server's share of campaigns that name no server; 0 for one that only steps in."""
    return server.weight or int(server.is_default)
