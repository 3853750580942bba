"""Who comes next in a batch, and who of them may not be mailed any more (G4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from campaigns.audience.models import Status, Subscriber, Subscription, Suppression
from campaigns.delivery import batches
from campaigns.delivery.batches import Claim
from campaigns.delivery.leases import database_moment
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.planning.models import campaign_list


def find(connection: sa.Connection, claim: Claim, *, limit: int, needs_fields: bool) -> Sequence[Any]:
    """The next rows of a batch whose time has come: `id, attempts, doubts, started_at, subscriber_id, email,
    is_suppressed, is_subscribed` (None: `sort_out` asks), and `fields` where the content needs them."""
    waits = sa.or_(
        Delivery.state == State.PENDING,
        sa.and_(Delivery.state == State.DEFERRED, Delivery.next_at <= database_moment()),
    )
    statement = (
        sa.select(
            Delivery.id,
            Delivery.attempts,
            Delivery.doubts,
            Delivery.started_at,
            Delivery.subscriber_id,
            Subscriber.email,
            sa.or_(_is_suppressed(Delivery.address_key), _is_suppressed(Subscriber.address_key)).label(
                "is_suppressed"
            ),
            _is_subscribed(claim.campaign_id)
            if connection.dialect.name == "sqlite"
            else sa.null().label("is_subscribed"),
            *([Subscriber.fields] if needs_fields else []),
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(*batches.rows_of(claim), waits)
        .order_by(Delivery.id)
        .limit(limit)
    )
    return connection.execute(statement).all()


def sort_out(
    connection: sa.Connection, claim: Claim, rows: Sequence[Any]
) -> tuple[list[Any], dict[Reason, list[int]]]:
    """Those who may be mailed, and the ids of those who may not, by reason."""
    staying = held_to_their_lists(connection, claim.campaign_id, rows)
    allowed = []
    left_out: dict[Reason, list[int]] = {}
    for row in rows:
        is_subscribed = row.is_subscribed if staying is None else row.subscriber_id in staying
        reason = _refusal(row, is_subscribed=is_subscribed)
        if reason is None:
            allowed.append(row)
        else:
            left_out.setdefault(reason, []).append(row.id)
    return allowed, left_out


def held_to_their_lists(connection: sa.Connection, campaign_id: int, rows: Sequence[Any]) -> set[int] | None:
    """Who of these is subscribed, and can't leave before this transaction ends; None where nobody can anyway.

    PostgreSQL lets an unsubscribe commit between our look and our commit; a share lock makes it wait those
    milliseconds, so that no mail begins after it (G4). SQLite has one writer.
    """
    if connection.dialect.name == "sqlite" or not rows:
        return None
    people = [row.subscriber_id for row in rows if row.subscriber_id is not None]
    # From the people to their rows: with tables filled a moment ago the planner has no statistics, and
    # as a condition on `subscription` it would read all of that for every window.
    found = connection.execute(
        _HELD, {"people": people, "campaign": campaign_id, "status": Status.SUBSCRIBED}
    )
    return set(found.scalars())


def among(connection: sa.Connection, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """`id` is one of these; one array parameter where the database knows arrays."""
    if connection.dialect.name == "postgresql":
        return Delivery.id == sa.any_(sa.literal(list(ids), ARRAY(sa.BigInteger)))
    return Delivery.id.in_(ids)


_HELD = sa.text(
    """
    SELECT subscription.subscriber_id
    FROM campaign_list
        CROSS JOIN unnest(CAST(:people AS bigint[])) AS person(id)
        JOIN subscription ON subscription.list_id = campaign_list.list_id
            AND subscription.subscriber_id = person.id
    WHERE campaign_list.campaign_id = :campaign AND subscription.status = :status
    ORDER BY subscription.subscriber_id, subscription.list_id
    FOR SHARE OF subscription
    """
)


def _is_subscribed(campaign_id: int) -> sa.ColumnElement[bool]:
    subscribed: sa.Select[Any] = (
        sa.select(sa.literal_column("1"))
        .select_from(Subscription)
        .join(campaign_list, campaign_list.c.list_id == Subscription.list_id)
        .where(
            Subscription.subscriber_id == Delivery.subscriber_id,
            Subscription.status == Status.SUBSCRIBED,
            campaign_list.c.campaign_id == campaign_id,
        )
    )
    return subscribed.exists().label("is_subscribed")


def _is_suppressed(key: Any) -> sa.ColumnElement[bool]:
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).where(Suppression.address_key == key)
    return found.exists()


def _refusal(row: Any, *, is_subscribed: bool) -> Reason | None:
    if row.email is None:
        return Reason.DELETED
    if row.is_suppressed:
        return Reason.SUPPRESSED
    return None if is_subscribed else Reason.UNSUBSCRIBED
