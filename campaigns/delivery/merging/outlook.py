"""What merging two people would keep and move; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.bulk.models import BulkChange, Outcome
from campaigns.audience.models import (
    BY_OPERATORS,
    Consent,
    List,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.person.models import PersonNote
from campaigns.audience.tags import queries as tag_queries
from campaigns.core.db import db
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import OPEN_STATES, Delivery, MergedDelivery, Wave

LANGUAGE = "language"  # chosen like a field, under a name that no field has
OWN = {LANGUAGE: f"own:{LANGUAGE}"}
OF_ADDRESS = frozenset({SuppressionReason.HARD_BOUNCE, SuppressionReason.UNREACHABLE})
# Of two subscriptions to one list the first of these stays: nobody who left comes back.
_STANDING = {Status.UNSUBSCRIBED: 0, Status.SUBSCRIBED: 1, Status.UNCONFIRMED: 2}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that the two have: `kept` and `other`, None where there is none. `key`: of a field, or one of `OWN`."""

    key: str
    label: str
    kept: Any
    other: Any

    @property
    def is_open(self) -> bool:
        """Whether they differ, so that somebody has to pick."""
        return self.kept is not None and self.other is not None and self.kept != self.other

    @property
    def usual(self) -> Any:
        """What is kept if nobody picks."""
        return self.other if self.kept is None else self.kept


@dataclass(frozen=True, slots=True)
class ListResult:
    """What becomes of a list that either is on: `kept` and `other` are the statuses now, None: not on it."""

    list: List
    kept: Status | None
    other: Status | None
    becomes: Status


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a merge would do. `suppression`: the one that stays, None without any."""

    choices: Sequence[Choice]
    lists: Sequence[ListResult]
    tags: Sequence[str]
    suppression: Suppression | None
    moved: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many rows would move, but for opens and clicks, which come at any time; a merge is refused if that has
        changed since the page was shown.
        """
        return sum(number for name, number in self.moved.items() if name != "events")


def outlook(kept: Subscriber, other: Subscriber) -> Outlook:
    """What merging `other` into `kept` would do."""
    tags = tag_queries.of_people([kept.id, other.id])
    names = {each.key: each.name for one in (kept, other) for each in tags[one.id]}
    return Outlook(
        choices=choices(kept, other),
        lists=lists(kept, other),
        tags=[names[key] for key in sorted(names)],
        suppression=stronger(queries.suppression_of(kept), queries.suppression_of(other)),
        moved=moved(other),
    )


def choices(kept: Subscriber, other: Subscriber) -> list[Choice]:
    """The values that either has, field by field; fields that were deleted since are under their key."""
    labels = {each.key: each.label for each in queries.fields()}
    here, there = kept.fields or {}, other.fields or {}
    keys = [key for key in labels if key in here or key in there]
    keys += sorted(key for key in {**here, **there} if key not in labels)
    found = [Choice(key, labels.get(key, key), here.get(key), there.get(key)) for key in keys]
    if kept.language or other.language:
        found.append(Choice(OWN[LANGUAGE], "", kept.language, other.language))
    return found


def lists(kept: Subscriber, other: Subscriber) -> list[ListResult]:
    """What becomes of each list that either is on, by name."""
    here = {each.list_id: each for each in queries.subscriptions(kept.id)}
    there = {each.list_id: each for each in queries.subscriptions(other.id)}
    found = []
    for list_id in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(list_id), there.get(list_id)
        stays = better(mine, theirs)
        now = [each.status if each else None for each in (mine, theirs)]
        found.append(ListResult(stays.list, now[0], now[1], becomes=stays.status))
    return sorted(found, key=lambda each: each.list.name.lower())


def better(mine: Subscription | None, theirs: Subscription | None) -> Subscription:
    """Of two subscriptions to a list the one that stays. Of two that ended, the one that the person asked for: an
    operator can't undo it.
    """
    held = [each for each in (mine, theirs) if each is not None]
    return min(held, key=lambda each: (_STANDING[each.status], each.origin in BY_OPERATORS))


def stronger(mine: Suppression | None, theirs: Suppression | None) -> Suppression | None:
    """Of two suppressions the one that stays: a person's or an operator's word before a bounce.

    What an address did says nothing of the person's other one, so that of the address that goes stays with it.
    """
    held = [
        each
        for each in (mine, theirs)
        if each is not None and (each is mine or each.reason not in OF_ADDRESS)
    ]
    return min(held, key=lambda each: each.campaign_id is not None, default=None)


def moved(other: Subscriber) -> dict[str, int]:
    """How many rows of each kind would go to the person who is kept."""
    ours = {"subscriber_id": other.id}
    emails = sa.select(Delivery.id).select_from(Wave).join(Delivery, of_person(other.id))
    detached = sa.select(MergedDelivery.delivery_id).filter_by(**ours)
    return {
        "emails": _count(emails) + _count(detached),
        "events": _events(emails) + _events(detached),
        "consents": _count(sa.select(Consent.id).filter_by(**ours)),
        "notes": _count(sa.select(PersonNote.id).filter_by(**ours)),
        "lists": _count(sa.select(Subscription.list_id).filter_by(**ours)),
    }


def _events(delivery_ids: sa.Select[Any]) -> int:
    """Named by its table: the events of emails lie above this package."""
    event = sa.table("event", sa.column("delivery_id"))
    wanted = sa.select(event.c.delivery_id).where(event.c.delivery_id.in_(delivery_ids))
    return _count(wanted)


def _count(statement: sa.Select[Any]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(statement.subquery())) or 0


def is_being_emailed(people: Sequence[Subscriber]) -> bool:
    """Whether an email to any of them still waits or is being sent."""
    return any(
        db.session.scalar(
            sa.select(Delivery.id)
            .select_from(Wave)
            .join(Delivery, of_person(each.id))
            .where(Delivery.state.in_(OPEN_STATES))
            .limit(1)
        )
        for each in people
    )


def is_being_changed(people: Sequence[Subscriber]) -> bool:
    """Whether a change of many people has yet to come to any of them."""
    waiting = sa.select(BulkChange.act_id).where(
        BulkChange.subscriber_id.in_([each.id for each in people]), BulkChange.outcome == Outcome.WAITING
    )
    return db.session.scalar(waiting.limit(1)) is not None
