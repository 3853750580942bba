"""How people leave lists. The statements are made once: making one takes several times as long as running it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm.util import identity_key

from campaigns.audience.models import (
    BY_OPERATORS,
    Consent,
    Origin,
    Status,
    Subscriber,
    Subscription,
    SuppressionReason,
)
from campaigns.audience.subscribing import Proof, consent
from campaigns.audience.suppressing import suppress_key
from campaigns.core.db import db


def unsubscribe(
    subscriber_id: int,
    *,
    list_ids: Iterable[int] | None,
    origin: Origin,
    now: datetime,
    ip: str = "",
    user_agent: str = "",
    operator_id: int | None = None,
) -> int:
    """Unsubscribe a person from these lists; None: from all lists and all future campaigns. Returns the
    number of lists changed. Idempotent, and no error for a deleted person.
    """
    db.session.flush()  # the statements below pass by the session's objects
    proof = Proof(origin, now, "", ip, user_agent, operator_id)
    values: dict[str, Any] = {"person": subscriber_id}
    if list_ids is not None:
        values["lists"] = list(list_ids)
    wanted = _may_leave(origin in BY_OPERATORS, is_of_lists=list_ids is not None)
    on = db.session.connection().execute(wanted, values).scalars().all()
    changed = sum(_leave(subscriber_id, each, proof) for each in on)
    person = db.session.get(Subscriber, subscriber_id) if list_ids is None else None
    if person is not None:
        suppress_key(person.address_key, email=person.email, reason=SuppressionReason.UNSUBSCRIBED, now=now)
    return changed


def _can_leave(*, is_by_operator: bool) -> sa.ColumnElement[bool]:
    """Subscriptions not ended yet; if the person asks, also those ended by operators (final)."""
    is_on = Subscription.status != Status.UNSUBSCRIBED
    is_theirs = Subscription.subscriber_id == sa.bindparam("person")
    return sa.and_(
        is_theirs, is_on if is_by_operator else sa.or_(is_on, Subscription.origin.in_(BY_OPERATORS))
    )


@cache
def _may_leave(is_by_operator: bool, *, is_of_lists: bool) -> sa.Select[Any]:
    """The lists that a person can leave, in the order in which sending locks them."""
    wanted = sa.select(Subscription.list_id).where(_can_leave(is_by_operator=is_by_operator))
    if is_of_lists:
        wanted = wanted.where(Subscription.list_id.in_(sa.bindparam("lists", expanding=True)))
    return wanted.order_by(Subscription.list_id)


@cache
def _leaving(is_by_operator: bool) -> sa.Update:
    table = cast(sa.Table, Subscription.__table__)
    column = table.c
    moment: sa.BindParameter[Any] = sa.bindparam("moment", type_=column.changed_at.type)
    return (
        sa.update(table)
        .where(_can_leave(is_by_operator=is_by_operator), column.list_id == sa.bindparam("from_list"))
        .values(
            status=Status.UNSUBSCRIBED,
            origin=sa.bindparam("by", type_=column.origin.type),
            changed_at=moment,
            unsubscribed_at=moment,
        )
    )


_ADD_CONSENT = sa.insert(cast(sa.Table, Consent.__table__))


def _leave(subscriber_id: int, list_id: int, proof: Proof) -> int:
    """One conditional UPDATE: of two simultaneous requests only one leaves a record."""
    connection = db.session.connection()
    leaving = _leaving(proof.origin in BY_OPERATORS)
    values = {"person": subscriber_id, "from_list": list_id, "by": proof.origin, "moment": proof.now}
    if not connection.execute(leaving, values).rowcount:
        return 0
    connection.execute(_ADD_CONSENT, consent(subscriber_id, list_id, "unsubscribed", proof))
    held = db.session.identity_map.get(identity_key(Subscription, (list_id, subscriber_id)))
    if held is not None:
        db.session.expire(held)
    return 1
