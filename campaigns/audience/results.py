"""Actions on everyone found by a search, one statement each, and undoing them within a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from campaigns.audience import search
from campaigns.audience.models import (
    Consent,
    List,
    OptIn,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.search import Search
from campaigns.audit import services as audit_services
from campaigns.core.db import changed_by, db
from campaigns.core.dialect import insert
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _

UNDO_FOR = timedelta(seconds=60)


class Act(StrEnum):
    ADD = "add"
    UNSUBSCRIBE = "unsubscribe"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to how many people, and when: the moment identifies them."""

    act: Act
    list_id: int | None
    at: datetime
    number: int

    @property
    def until(self) -> datetime:
        """Until when it can be undone (UTC)."""
        return self.at + UNDO_FOR

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the session."""
        return {"act": str(self.act), "list": self.list_id, "at": self.at.isoformat(), "number": self.number}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Done | None:
        """The inverse of `as_json`; None for nothing."""
        if not kept:
            return None
        return cls(Act(kept["act"]), kept["list"], datetime.fromisoformat(kept["at"]), kept["number"])


def on_lists(found: Search) -> dict[int, dict[Status, int]]:
    """Number of the found people by list and status."""
    rows = db.session.execute(
        sa.select(Subscription.list_id, Subscription.status, sa.func.count())
        .where(Subscription.subscriber_id.in_(_ids(found)))
        .group_by(Subscription.list_id, Subscription.status)
    )
    counts: dict[int, dict[Status, int]] = {}
    for list_id, status, number in rows:
        counts.setdefault(list_id, {})[status] = number
    return counts


def add(found: Search, into: List, *, now: datetime, operator_id: int) -> Done:
    """Add those who were never on the list. Raises Conflict for a list with double opt-in."""
    if into.opt_in is OptIn.DOUBLE:
        raise Conflict(
            _(
                "%(list)s asks people to confirm, so they can't be added all at once. Choose another list.",
                list=into.name,
            )
        )
    is_on = sa.exists().where(Subscription.subscriber_id == Subscriber.id, Subscription.list_id == into.id)
    moment = sa.literal(now, Subscription.created_at.type)
    rows = sa.select(
        sa.literal(into.id),
        Subscriber.id,
        sa.literal(Status.SUBSCRIBED.value),
        sa.literal(Origin.OPERATOR.value),
        *(moment, moment, moment),
    ).where(Subscriber.id.in_(_ids(found)), ~is_on)
    columns = [
        *("list_id", "subscriber_id", "status", "origin"),
        *("created_at", "changed_at", "confirmed_at"),
    ]
    number = changed_by(insert(Subscription).from_select(columns, rows).on_conflict_do_nothing())
    _record("added", Subscription.created_at == now, into.id, now=now, operator_id=operator_id)
    audit_services.record("people.subscribed", into.name, people=number, now=now)
    return Done(Act.ADD, into.id, now, number)


def unsubscribe(found: Search, off: List, *, now: datetime, operator_id: int) -> Done:
    """Unsubscribe those who are subscribed to the list."""
    number = changed_by(
        sa.update(Subscription)
        .where(
            Subscription.list_id == off.id,
            Subscription.status == Status.SUBSCRIBED,
            Subscription.subscriber_id.in_(_ids(found)),
        )
        .values(status=Status.UNSUBSCRIBED, origin=Origin.OPERATOR, changed_at=now, unsubscribed_at=now)
    )
    _record("unsubscribed", Subscription.unsubscribed_at == now, off.id, now=now, operator_id=operator_id)
    audit_services.record("people.unsubscribed", off.name, people=number, now=now)
    return Done(Act.UNSUBSCRIBE, off.id, now, number)


def suppress(found: Search, *, now: datetime) -> Done:
    """Suppress their addresses; existing suppressions stay as they are."""
    rows = sa.select(
        Subscriber.address_key,
        Subscriber.email,
        sa.literal(SuppressionReason.OPERATOR.value),
        sa.literal(""),
        sa.literal(now, Suppression.created_at.type),
    ).where(Subscriber.id.in_(_ids(found)))
    columns = ["address_key", "email", "reason", "note", "created_at"]
    number = changed_by(
        insert(Suppression).from_select(columns, rows).on_conflict_do_nothing(index_elements=["address_key"])
    )
    audit_services.record("suppression.created", people=number, now=now)
    return Done(Act.SUPPRESS, None, now, number)


def undo(done: Done, *, now: datetime, operator_id: int) -> int:
    """Restore those who have not changed since; returns how many."""
    changed = _undo(done, now=now, operator_id=operator_id)
    audit_services.record("people.unsubscription_undone", str(done.act), people=changed, now=now)
    return changed


def _undo(done: Done, *, now: datetime, operator_id: int) -> int:
    if done.act is Act.SUPPRESS:
        theirs = sa.and_(Suppression.created_at == done.at, Suppression.reason == SuppressionReason.OPERATOR)
        return changed_by(sa.delete(Suppression).where(theirs))
    on = sa.and_(
        Subscription.list_id == done.list_id,
        Subscription.origin == Origin.OPERATOR,
        Subscription.changed_at == done.at,
    )
    if done.act is Act.ADD:
        _record("unsubscribed", on, done.list_id, now=now, operator_id=operator_id)
        return changed_by(sa.delete(Subscription).where(on, Subscription.created_at == done.at))
    number = changed_by(
        sa.update(Subscription)
        .where(on, Subscription.status == Status.UNSUBSCRIBED)
        .values(status=Status.SUBSCRIBED, changed_at=now, unsubscribed_at=None)
    )
    _record("resubscribed", Subscription.changed_at == now, done.list_id, now=now, operator_id=operator_id)
    return number


def _ids(found: Search) -> sa.Select[Any]:
    return search.people(found).order_by(None).with_only_columns(Subscriber.id)


def _record(
    act: str, are_these: sa.ColumnElement[bool], list_id: int | None, *, now: datetime, operator_id: int
) -> None:
    """A consent record for each person whose subscription an operator has changed."""
    rows = sa.select(
        Subscription.subscriber_id,
        Subscription.list_id,
        sa.literal(now, Consent.at.type),
        sa.literal(act),
        sa.literal(Origin.OPERATOR.value),
        sa.literal(""),
        sa.literal(""),
        sa.literal(""),
        sa.literal(operator_id),
    ).where(Subscription.list_id == list_id, Subscription.origin == Origin.OPERATOR, are_these)
    columns = [
        *("subscriber_id", "list_id", "at", "act", "origin"),
        *("wording", "ip", "user_agent", "operator_id"),
    ]
    changed_by(sa.insert(Consent).from_select(columns, rows))
