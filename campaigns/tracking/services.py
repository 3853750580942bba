"""Records opens, clicks and unsubscribes. Every event is stored; the ledger's first ones are a person's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries as audience_queries
from campaigns.audience import services as audience_services
from campaigns.audience.models import Origin, Subscriber, SuppressionReason
from campaigns.core.db import db
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Delivery, Wave
from campaigns.tracking import networks, robots
from campaigns.tracking.models import Actor, Event, Kind, LeavingReason
from campaigns.tracking.queries import Letter

LOOK_BACK = timedelta(seconds=70)  # covers a burst and the opens before it
REPEATED = timedelta(seconds=10)  # within this time the same event is no second visit
MOST_OF_A_KIND = 200  # opens or clicks of one message that are stored
MOST_EVENTS = 500  # of one message that are judged again: more come from a machine anyway


@dataclass(frozen=True, slots=True)
class Visitor:
    """What the request tells about the visitor."""

    agent: str = ""
    ip: str = ""
    purpose: str = ""


def record_open(delivery_id: int, visitor: Visitor, *, at: datetime) -> Actor | None:
    """Record a fetched open pixel; None when there is no such message."""
    return _record(delivery_id, Kind.OPEN, visitor, at=at)


def record_click(delivery_id: int, number: int, visitor: Visitor, *, at: datetime) -> Actor | None:
    """Record a click; if it completes a burst, the visitor's events are marked as a machine's."""
    verdict = _record(delivery_id, Kind.CLICK, visitor, at=at, link_number=number)
    if verdict is not None:
        _fold_burst(delivery_id, at=at)
    return verdict


def record_unsubscribe(
    letter: Letter,
    visitor: Visitor,
    *,
    at: datetime,
    origin: Origin,
    list_ids: list[int] | None = None,
    everything: bool = False,
) -> int:
    """Unsubscribe the reader from the campaign's lists (or those given, or all); how many lists changed.

    If the campaign's lists were deleted, unsubscribe from all: whoever wants to leave must be able to.
    """
    if letter.subscriber is None:
        return 0
    everything = everything or (list_ids is None and not letter.lists)
    wanted = list_ids if list_ids is not None else [each.id for each in letter.lists]
    changed = audience_services.unsubscribe(
        letter.subscriber.id,
        list_ids=None if everything else wanted,
        origin=origin,
        now=at,
        ip=visitor.ip,
        user_agent=visitor.agent,
    )
    if changed:
        _first(letter.delivery.id, Delivery.unsubscribed_at, at)
        _add(letter.delivery, Kind.UNSUBSCRIBE, visitor, robots.Judgement(Actor.HUMAN), at=at)
    return changed


def take_back_unsubscribe(letter: Letter, visitor: Visitor, *, at: datetime) -> int:
    """Undo an unsubscribe from this campaign's lists, or all left today; how many lists changed."""
    if letter.subscriber is None:
        return 0
    stands = audience_queries.suppression_of(letter.subscriber)
    everything = stands is not None and stands.reason is SuppressionReason.UNSUBSCRIBED
    changed = audience_services.resubscribe(
        letter.subscriber.id,
        list_ids=None if everything else [each.id for each in letter.lists],
        origin=Origin.PAGE,
        now=at,
        ip=visitor.ip,
        user_agent=visitor.agent,
    )
    if changed:
        _set(letter.delivery.id, unsubscribed_at=None)
        db.session.execute(sa.delete(Event).filter_by(delivery_id=letter.delivery.id, kind=Kind.UNSUBSCRIBE))
    return changed


def note_reason(letter: Letter, reason: LeavingReason) -> None:
    """Store why the reader left this message's lists; the last answer counts."""
    db.session.execute(
        sa.update(Event)
        .where(Event.delivery_id == letter.delivery.id, Event.kind == Kind.UNSUBSCRIBE)
        .values(reason=reason)
    )


def is_repeat(
    delivery_id: int, kind: Kind, visitor: Visitor, *, at: datetime, link_number: int | None = None
) -> bool:
    """Whether the open or click adds nothing: the same was seen a moment ago, or hundreds of times.

    This limits how much anyone with a single link can have stored.
    """
    of_kind = sa.select(Event.id).where(Event.delivery_id == delivery_id, Event.kind == kind)
    same = of_kind.where(
        Event.at.between(at - REPEATED, at + REPEATED),
        Event.network == networks.without_person(visitor.ip),
        Event.agent == visitor.agent[:200],
        Event.link_number == link_number if link_number else Event.link_number.is_(None),
    )
    if db.session.scalar(same.limit(1)) is not None:
        return True
    return db.session.scalar(of_kind.offset(MOST_OF_A_KIND - 1).limit(1)) is not None


def _record(
    delivery_id: int, kind: Kind, visitor: Visitor, *, at: datetime, link_number: int | None = None
) -> Actor | None:
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None or is_repeat(delivery_id, kind, visitor, at=at, link_number=link_number):
        return None
    hit = robots.Hit(kind, at, visitor.agent, visitor.ip, visitor.purpose, sent_at=delivery.done_at)
    judgement = robots.judge(hit)
    _add(delivery, kind, visitor, judgement, at=at, link_number=link_number)
    if judgement.verdict is not Actor.MACHINE:
        _note_person(delivery, kind, at)
    return judgement.verdict


def _add(
    delivery: Delivery,
    kind: Kind,
    visitor: Visitor,
    judgement: robots.Judgement,
    *,
    at: datetime,
    link_number: int | None = None,
) -> None:
    db.session.execute(
        sa.insert(Event).values(
            kind=kind,
            at=at,
            campaign_id=delivery.campaign_id,
            delivery_id=delivery.id,
            link_number=link_number,
            verdict=judgement.verdict,
            signals=" ".join(judgement.signals),
            network=networks.without_person(visitor.ip),
            agent=visitor.agent[:200],
        )
    )


def _note_person(delivery: Delivery, kind: Kind, at: datetime) -> None:
    """Store a person's first open and click; a click counts as an open, with images or without."""
    if delivery.opened_at is None:
        _first(delivery.id, Delivery.opened_at, at)
    values: dict[str, Any] = {"last_opened_at": at}
    if kind is Kind.CLICK:
        if delivery.clicked_at is None:
            _first(delivery.id, Delivery.clicked_at, at)
        values["last_clicked_at"] = at
    db.session.execute(sa.update(Subscriber).where(Subscriber.id == delivery.subscriber_id).values(values))


def _first(delivery_id: int, column: Any, at: datetime) -> None:
    db.session.execute(
        sa.update(Delivery).where(Delivery.id == delivery_id, column.is_(None)).values({column.key: at})
    )


def _set(delivery_id: int, **values: Any) -> None:
    db.session.execute(sa.update(Delivery).where(Delivery.id == delivery_id).values(values))


def _fold_burst(delivery_id: int, *, at: datetime) -> None:
    rows = db.session.execute(
        sa.select(Event.id, Event.kind, Event.at, Event.link_number, Event.network)
        .where(Event.delivery_id == delivery_id, Event.at > at - LOOK_BACK)
        .order_by(Event.id.desc())
        .limit(MOST_EVENTS)
    )
    machine = robots.burst([robots.Seen(*row) for row in rows])
    if not machine:
        return
    db.session.execute(
        sa.update(Event)
        .where(Event.id.in_(machine), Event.verdict != Actor.MACHINE)
        .values(verdict=Actor.MACHINE, signals="T7")
    )
    _set(
        delivery_id,
        opened_at=_first_by_person(delivery_id, Kind.OPEN, Kind.CLICK),
        clicked_at=_first_by_person(delivery_id, Kind.CLICK),
    )
    _look_again_at_person(delivery_id)


def _first_by_person(delivery_id: int, *kinds: Kind) -> sa.ScalarSelect[Any]:
    return (
        sa.select(sa.func.min(Event.at))
        .where(Event.delivery_id == delivery_id, Event.kind.in_(kinds), Event.verdict != Actor.MACHINE)
        .scalar_subquery()
    )


def _look_again_at_person(delivery_id: int) -> None:
    """Recompute the person's latest activity without events that turned out to be a machine's."""
    person = sa.select(Delivery.subscriber_id).where(Delivery.id == delivery_id).scalar_subquery()
    theirs = (
        sa.select(sa.func.max(Event.at))
        .select_from(Wave)
        .join(Delivery, of_person(person))
        .join(Event, Event.delivery_id == Delivery.id)
        .where(Event.verdict != Actor.MACHINE)
    )
    db.session.execute(
        sa.update(Subscriber)
        .where(Subscriber.id == person)
        .values(
            last_opened_at=theirs.where(Event.kind.in_((Kind.OPEN, Kind.CLICK))).scalar_subquery(),
            last_clicked_at=theirs.where(Event.kind == Kind.CLICK).scalar_subquery(),
        )
        .execution_options(synchronize_session=False)
    )
