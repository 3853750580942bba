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
from campaigns.tracking import networks, robots, statements
from campaigns.tracking.models import Actor, Event, Kind, LeavingReason
from campaigns.tracking.queries import Letter, merged_reader
from campaigns.tracking.statements import run

LOOK_BACK = timedelta(seconds=70)  # covers a burst and the opens before it
REPEATED = timedelta(seconds=10)  # within this time the same event is no second visit
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
    delivery_id: int,
    visitor: Visitor,
    *,
    at: datetime,
    origin: Origin,
    list_ids: list[int] | None = None,
    everything: bool = False,
) -> int:
    """Unsubscribe a message's reader from the campaign's lists (or those given, or all); how many lists changed.

    If the campaign's lists were deleted, unsubscribe from all: whoever wants to leave must be able to.
    """
    found = _reader(delivery_id)
    if found is None:
        return 0
    campaign_id, person_id = found
    wanted = list_ids
    if wanted is None:
        wanted = run(statements.LISTS, campaign=campaign_id).scalars().all()
        everything = everything or not wanted
    changed = audience_services.unsubscribe(
        person_id,
        list_ids=None if everything else wanted,
        origin=origin,
        now=at,
        ip=visitor.ip,
        user_agent=visitor.agent,
    )
    if changed:
        run(statements.FIRST_UNSUBSCRIBE, delivery_id=delivery_id, moment=at)
        person = robots.Judgement(Actor.HUMAN)
        _add(delivery_id, campaign_id, Kind.UNSUBSCRIBE, visitor, person, at=at)
    return changed


def _reader(delivery_id: int) -> tuple[int, int] | None:
    """The campaign of a message and its reader; None when either was deleted."""
    found = run(statements.READER, delivery_id=delivery_id).first()
    if found is not None:
        return found.campaign_id, found.subscriber_id
    person, delivery = merged_reader(delivery_id), db.session.get(Delivery, delivery_id)
    return (delivery.campaign_id, person.id) if person and delivery else None


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
    return bool(run(statements.IS_REPEAT, **_visit(delivery_id, kind, visitor, at, link_number)).scalar())


def _visit(
    delivery_id: int, kind: Kind, visitor: Visitor, at: datetime, link_number: int | None
) -> dict[str, Any]:
    """What tells a visit from another."""
    return {
        "delivery_id": delivery_id,
        "kind": kind,
        "since": at - REPEATED,
        "until": at + REPEATED,
        "network": networks.without_person(visitor.ip),
        "agent": visitor.agent[:200],
        "link_number": link_number or None,
    }


def _record(
    delivery_id: int, kind: Kind, visitor: Visitor, *, at: datetime, link_number: int | None = None
) -> Actor | None:
    sent = run(statements.SENT, **_visit(delivery_id, kind, visitor, at, link_number)).first()
    if sent is None or sent.is_repeat:
        return None
    hit = robots.Hit(kind, at, visitor.agent, visitor.ip, visitor.purpose, sent_at=sent.done_at)
    judgement = robots.judge(hit)
    _add(delivery_id, sent.campaign_id, kind, visitor, judgement, at=at, link_number=link_number)
    if judgement.verdict is not Actor.MACHINE:
        _note_person(delivery_id, sent, kind, at)
    return judgement.verdict


def _add(
    delivery_id: int,
    campaign_id: int,
    kind: Kind,
    visitor: Visitor,
    judgement: robots.Judgement,
    *,
    at: datetime,
    link_number: int | None = None,
) -> None:
    run(
        statements.ADD_EVENT,
        kind=kind,
        at=at,
        campaign_id=campaign_id,
        delivery_id=delivery_id,
        link_number=link_number,
        verdict=judgement.verdict,
        signals=" ".join(judgement.signals),
        network=networks.without_person(visitor.ip),
        agent=visitor.agent[:200],
    )


def _note_person(delivery_id: int, sent: Any, kind: Kind, at: datetime) -> None:
    """Store a person's first open and click; a click counts as an open, with images or without."""
    is_click = kind is Kind.CLICK
    if sent.opened_at is None or (is_click and sent.clicked_at is None):
        first = statements.FIRST_CLICK if is_click else statements.FIRST_OPEN
        run(first, delivery_id=delivery_id, moment=at)
    person_id = sent.subscriber_id
    if person_id < 0:  # `delivery.models.detached`
        person = merged_reader(delivery_id)
        person_id = person.id if person else person_id
    run(statements.LAST_CLICK if is_click else statements.LAST_OPEN, person=person_id, moment=at)


def _set(delivery_id: int, **values: Any) -> None:
    db.session.execute(sa.update(Delivery).where(Delivery.id == delivery_id).values(values))


def _fold_burst(delivery_id: int, *, at: datetime) -> None:
    rows = run(statements.RECENT, delivery_id=delivery_id, since=at - LOOK_BACK, most=MOST_EVENTS)
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
