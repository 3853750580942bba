"""Unsubscribes several people at once, and restores them within a minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.leaving import unsubscribe
from campaigns.audience.models import Origin, Status, Subscriber, Subscription
from campaigns.audience.subscribing import Proof, record
from campaigns.audit import services as audit_services
from campaigns.core.db import db

UNDO_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Who was unsubscribed from which list, when, with their status before."""

    list_id: int
    at: datetime
    people: Mapping[Status, list[int]]

    def __len__(self) -> int:
        return sum(map(len, self.people.values()))

    @property
    def until(self) -> datetime:
        """Until when it can be undone (UTC)."""
        return self.at + UNDO_FOR

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the session."""
        people = {str(status): ids for status, ids in self.people.items()}
        return {"list": self.list_id, "at": self.at.isoformat(), "people": people}

    @classmethod
    def from_json(cls, kept: Any) -> Unsubscribed | None:
        """The inverse of `as_json`; None for nothing."""
        if not kept:
            return None
        people = {Status(status): ids for status, ids in kept["people"].items()}
        return cls(kept["list"], datetime.fromisoformat(kept["at"]), people)


def on_list(people: Iterable[Subscriber], list_id: int) -> list[Subscriber]:
    """Those who can be unsubscribed from the list."""
    chosen = list(people)
    were = _statuses(chosen, list_id)
    return [each for each in chosen if each.id in were]


def unsubscribe_several(
    people: Iterable[Subscriber], list_id: int, *, now: datetime, operator_id: int
) -> Unsubscribed:
    """Unsubscribe them from the list, at an operator's request."""
    found: dict[Status, list[int]] = {}
    for each, was in _statuses(people, list_id).items():
        if unsubscribe(each, list_ids=[list_id], origin=Origin.OPERATOR, now=now, operator_id=operator_id):
            found.setdefault(was, []).append(each)
    done = Unsubscribed(list_id, now, found)
    audit_services.record("people.unsubscribed", queries.list_(list_id).name, people=len(done), now=now)
    return done


def undo(done: Unsubscribed, *, now: datetime, operator_id: int) -> int:
    """Restore those who have not changed since; returns how many."""
    proof = Proof(Origin.OPERATOR, now, operator_id=operator_id)
    changed = sum(_back(each, was, done, proof) for was, ids in done.people.items() for each in ids)
    audit_services.record(
        "people.unsubscription_undone", queries.list_(done.list_id).name, people=changed, now=now
    )
    return changed


def _back(subscriber_id: int, was: Status, done: Unsubscribed, proof: Proof) -> int:
    changed = db.session.execute(
        sa.update(Subscription)
        .where(
            Subscription.subscriber_id == subscriber_id,
            Subscription.list_id == done.list_id,
            Subscription.status == Status.UNSUBSCRIBED,
            Subscription.origin == Origin.OPERATOR,
            Subscription.unsubscribed_at == done.at,
        )
        .values(status=was, changed_at=proof.now, unsubscribed_at=None)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        return 0
    record(subscriber_id, done.list_id, "resubscribed", proof)
    db.session.flush()
    return 1


def _statuses(people: Iterable[Subscriber], list_id: int) -> dict[int, Status]:
    """The status of each one who can be unsubscribed from the list, by id."""
    held = queries.subscriptions_of([each.id for each in people])
    return {
        subscriber_id: each.status
        for subscriber_id, some in held.items()
        for each in some
        if each.list_id == list_id and each.status is not Status.UNSUBSCRIBED
    }
