"""Writes the opens, clicks and unsubscribes of the demo, classified by the same rules as real ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Origin, Subscriber
from campaigns.cli.demo_data import many
from campaigns.cli.demo_data.plan import ZONE, DemoCampaign
from campaigns.core.db import db
from campaigns.delivery.models import Delivery, State
from campaigns.planning.models import Campaign, Link
from campaigns.tracking import networks, robots
from campaigns.tracking import services as tracking_services
from campaigns.tracking.models import Actor, Event, Kind, LeavingReason
from campaigns.tracking.queries import letter

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
PRIVACY = "Mozilla/5.0"
SCANNER = "Barracuda Sentinel (EE)"
OPENERS = (PHONE, DESKTOP, PROXY)
PREFETCHED, SCANNED = 0.15, 0.025  # shares of people whose emails are first opened by a machine
# Of those who open: the share, and its mean delay in hours.
DELAYS = ((0.4, 0.9), (0.36, 6.0), (0.24, 34.0))
LEAVE_WITHIN = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Read:
    """One delivered email and its events."""

    delivery_id: int
    sent_at: datetime
    events: list[dict[str, Any]]

    def first(self, *kinds: Kind) -> datetime | None:
        """When a person first did this. A click counts as an open."""
        by_people = (each for each in self.events if each["verdict"] is not Actor.MACHINE)
        return min((each["at"] for each in by_people if each["kind"] in kinds), default=None)


def write(campaign: Campaign, told: DemoCampaign, *, now: datetime) -> None:
    """The opens, clicks and unsubscribes of a campaign up to now."""
    dice = random.Random(f"read {campaign.id}")  # noqa: S311 (a demo, no secret)
    links = _links(campaign)
    reads = [_read(row, told, links, dice, now=now) for row in _arrived(campaign.id)]
    events = sorted((event for read in reads for event in read.events), key=lambda event: event["at"])
    many.insert(Event, events)
    _write_firsts(reads)
    _leave(reads, told.leavers, dice, now=now)


def _links(campaign: Campaign) -> list[int]:
    assert campaign.revision_id is not None  # it was launched
    numbers = sa.select(Link.number).filter_by(revision_id=campaign.revision_id).order_by(Link.number)
    return list(db.session.scalars(numbers))


def _arrived(campaign_id: int) -> Sequence[Any]:
    statement = sa.select(Delivery.id, Delivery.subscriber_id, Delivery.campaign_id, Delivery.done_at)
    arrived = statement.filter_by(campaign_id=campaign_id, state=State.SENT)
    return db.session.execute(arrived.order_by(Delivery.id)).all()


def _read(row: Any, told: DemoCampaign, links: list[int], dice: random.Random, *, now: datetime) -> Read:
    """The events of one person and their machines. How active a person is stays the same in all campaigns."""
    habit = row.subscriber_id * 2654435761 % 2**32 / 2**32
    ip = f"198.51.{row.subscriber_id % 100}.{row.subscriber_id % 250}"
    hits: list[tuple[Kind, datetime, int | None, str, str]] = []
    if habit < PREFETCHED:
        hits.append(
            (Kind.OPEN, row.done_at + timedelta(seconds=4 + habit * 300), None, PRIVACY, "203.0.113.9")
        )
    elif habit > 1 - SCANNED:
        looked = row.done_at + timedelta(seconds=2)
        hits += [(Kind.CLICK, looked, number, SCANNER, "203.0.113.77") for number in links]
    if dice.random() < told.opens * (0.4 + 1.2 * habit):
        hits += _of_person(row, told, links, dice, ip)
    return Read(row.id, row.done_at, [_event(row, *hit) for hit in hits if hit[1] <= now])


def _of_person(
    row: Any, told: DemoCampaign, links: list[int], dice: random.Random, ip: str
) -> Iterable[tuple[Kind, datetime, int | None, str, str]]:
    at = _awake(row.done_at + timedelta(hours=_delay(dice), seconds=20), dice)
    agent = dice.choice(OPENERS)
    yield Kind.OPEN, at, None, agent, ip
    if links and dice.random() < told.clicks:
        for _time in range(dice.choice((1, 1, 1, 2, 3))):
            at += timedelta(seconds=25 + dice.expovariate(1 / 70))
            yield Kind.CLICK, at, links[min(int(dice.expovariate(0.9)), len(links) - 1)], BROWSER, ip
    if dice.random() < 0.22:
        yield Kind.OPEN, _awake(at + timedelta(hours=dice.expovariate(1 / 30)), dice), None, agent, ip


def _delay(dice: random.Random) -> float:
    """Hours until a reader opens: soon for most, in the evening or days later for some."""
    roll = dice.random()
    for share, hours in DELAYS:
        if roll < share:
            return dice.expovariate(1 / hours)
        roll -= share
    return dice.expovariate(1 / DELAYS[-1][1])


def _awake(at: datetime, dice: random.Random) -> datetime:
    """The time itself; for most times at night, the next morning."""
    hour = at.astimezone(ZONE).hour
    if hour >= 7 or dice.random() < 0.12:
        return at
    return at + timedelta(hours=7 - hour + dice.expovariate(0.7))


def _event(row: Any, kind: Kind, at: datetime, link: int | None, agent: str, ip: str) -> dict[str, Any]:
    judged = robots.judge(robots.Hit(kind, at, agent, ip, sent_at=row.done_at))
    return {
        "kind": kind,
        "at": at,
        "campaign_id": row.campaign_id,
        "delivery_id": row.id,
        "link_number": link,
        "verdict": judged.verdict,
        "signals": " ".join(judged.signals),
        "network": networks.without_person(ip),
        "agent": agent,
        "reason": None,
    }


_TABLE = Delivery.__table__
_FIRSTS = (
    sa.update(_TABLE)  # type: ignore[arg-type]
    .where(_TABLE.c.id == sa.bindparam("b_id"))
    .values(opened_at=sa.bindparam("b_opened_at"), clicked_at=sa.bindparam("b_clicked_at"))
)


def _write_firsts(reads: Sequence[Read]) -> None:
    firsts = [
        {
            "b_id": read.delivery_id,
            "b_opened_at": read.first(Kind.OPEN, Kind.CLICK),
            "b_clicked_at": read.first(Kind.CLICK),
        }
        for read in reads
        if read.first(Kind.OPEN, Kind.CLICK)
    ]
    if firsts:
        db.session.execute(_FIRSTS, firsts)


def _leave(reads: Sequence[Read], leavers: int, dice: random.Random, *, now: datetime) -> None:
    """Unsubscribe some of those who opened: half in their email program, half on the page, some with a reason."""
    latest = [(read, (read.first(Kind.OPEN) or now) + timedelta(minutes=2)) for read in reads]
    may = [(read, at) for read, at in latest if at < min(read.sent_at + LEAVE_WITHIN, now)]
    for place, (read, at) in enumerate(dice.sample(may, min(leavers, len(may)))):
        mail = letter(read.delivery_id)
        if mail is None:
            continue
        on_page = place % 2 == 1
        tracking_services.record_unsubscribe(
            read.delivery_id,
            tracking_services.Visitor(BROWSER if on_page else "", "198.51.100.7"),
            at=at,
            origin=Origin.PAGE if on_page else Origin.ONE_CLICK,
            everything=on_page and place % 8 == 3,
        )
        if on_page:
            tracking_services.note_reason(mail, list(LeavingReason)[place // 2 % len(LeavingReason)])


def note_on_people() -> None:
    """Set when each person last opened and clicked."""
    for column, of_ledger in (
        (Subscriber.last_opened_at, Delivery.opened_at),
        (Subscriber.last_clicked_at, Delivery.clicked_at),
    ):
        latest = (
            sa.select(Delivery.subscriber_id, sa.func.max(of_ledger).label("at"))
            .where(of_ledger.is_not(None))
            .group_by(Delivery.subscriber_id)
            .subquery()
        )
        theirs = sa.select(latest.c.at).where(latest.c.subscriber_id == Subscriber.id).scalar_subquery()
        db.session.execute(
            sa.update(Subscriber)
            .where(Subscriber.id.in_(sa.select(latest.c.subscriber_id)))
            .values({column.key: theirs})
            .execution_options(synchronize_session=False)
        )
