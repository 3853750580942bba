"""Person or machine? Rules by id, pure and repeatable; the verdict is stored, and no event is dropped.

A gateway opens every link of a message within seconds of its arrival, with the user agent of an ordinary
browser; Apple fetches pixels whether or not anyone reads. Image proxies of Gmail and Yahoo fetch when a
message is displayed: these are readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.tracking import networks
from campaigns.tracking.models import Actor, Kind

_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy|Outlook|Thunderbird|Microsoft Office", re.IGNORECASE)
# Not "Cubot", which is a phone.
_MACHINES = re.compile(
    r"(?<!cu)bot\b|spider|crawl|curl/|wget/|python-|go-http-client|okhttp|java/|libwww|headless|phantom|validator"
    r"|bingpreview|skypeuripreview|whatsapp|telegram|slack|urldefense|safelinks|barracuda|mimecast|proofpoint"
    r"|forcepoint|symantec|trendmicro|sophos|zscaler|scanner|monitor|preview|fetch",
    re.IGNORECASE,
)
_PRIVACY = "Mozilla/5.0"  # the complete user agent of Apple's proxy
_PREFETCH = re.compile(r"prefetch|preview|prerender", re.IGNORECASE)
TOO_SOON = timedelta(seconds=3)
SHORT_BURST, SHORT_WINDOW = 3, timedelta(seconds=2)
LONG_BURST, LONG_WINDOW = 5, timedelta(seconds=10)
OPEN_BEFORE_BURST = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Hit:
    """One request as received."""

    kind: Kind
    at: datetime
    agent: str = ""
    ip: str = ""
    purpose: str = ""  # Sec-Purpose, Purpose, X-Purpose, X-Moz joined
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A recorded event."""

    id: int
    kind: Kind
    at: datetime
    link_number: int | None
    network: str


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Actor
    signals: tuple[str, ...] = ()


def judge(hit: Hit) -> Judgement:
    """The verdict on a single request."""
    if _PREFETCH.search(hit.purpose):
        return Judgement(Actor.MACHINE, ("T2",))
    if networks.is_scanner(hit.ip):
        return Judgement(Actor.MACHINE, ("T4",))
    if hit.kind is Kind.OPEN and hit.agent.strip() == _PRIVACY:
        return Judgement(Actor.MACHINE, ("T5",))
    if not hit.agent.strip():
        return Judgement(Actor.MACHINE, ("T3",))
    if _MACHINES.search(hit.agent) and not _PROXIES.search(hit.agent):
        return Judgement(Actor.MACHINE, ("T3",))
    if hit.sent_at and hit.at - hit.sent_at < TOO_SOON:
        return Judgement(Actor.UNSURE, ("T10",))
    return Judgement(Actor.HUMAN)


def burst(events: Sequence[Seen]) -> set[int]:
    """Ids of events of one message that a machine must have made: many links within seconds (T7).

    Only clicks from one network form a burst, so a gateway's burst never includes a reader's click. Opens
    that the same network made just before count as the machine's too.
    """
    found: set[int] = set()
    for network in {event.network for event in events}:
        clicks = sorted(
            (event for event in events if event.network == network and event.kind is Kind.CLICK),
            key=lambda event: event.at,
        )
        caught = _in_burst(clicks, SHORT_BURST, SHORT_WINDOW) | _in_burst(clicks, LONG_BURST, LONG_WINDOW)
        if not caught:
            continue
        first = min(event.at for event in clicks if event.id in caught)
        found |= caught | _opens_before(events, network, first)
    return found


def _in_burst(clicks: Sequence[Seen], least: int, window: timedelta) -> set[int]:
    caught: set[int] = set()
    for start in range(len(clicks)):
        near = [each for each in clicks[start:] if each.at - clicks[start].at <= window]
        if len({each.link_number for each in near}) >= least:
            caught |= {each.id for each in near}
    return caught


def _opens_before(events: Iterable[Seen], network: str, first: datetime) -> set[int]:
    return {
        event.id
        for event in events
        if event.kind is Kind.OPEN
        and event.network == network
        and timedelta(0) <= first - event.at <= OPEN_BEFORE_BURST
    }
