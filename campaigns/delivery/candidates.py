"""Who comes next in a batch, and who of them may not be mailed any more (G4)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from campaigns.audience.models import Status
from campaigns.core.db import UtcDateTime
from campaigns.delivery.batches import Claim
from campaigns.delivery.leases import NOW
from campaigns.delivery.models import Delivery, Reason, State


class Candidate(NamedTuple):
    """A row whose time has come, with what speaks for and against a mail to it."""

    id: int
    attempts: int
    doubts: int
    started_at: datetime | str | None  # as the driver gives it: SQLite has no moments
    subscriber_id: int | None
    email: str | None
    is_suppressed: bool
    is_subscribed: bool | None  # None: `sort_out` asks
    fields: str | None  # JSON

    def first_tried(self, now: datetime) -> datetime:
        """The moment of the first attempt, which may be now."""
        if isinstance(self.started_at, str):
            return datetime.fromisoformat(self.started_at).replace(tzinfo=UTC)
        return self.started_at or now


def find(connection: sa.Connection, claim: Claim, *, limit: int, needs_fields: bool) -> list[Candidate]:
    """The next rows of a batch whose time has come, with the subscribers' fields where they are needed."""
    statement = _FIND[connection.dialect.name, needs_fields]
    place = {"campaign": claim.campaign_id, "wave": claim.wave, "number": claim.number, "limit": limit}
    cursor = connection.execute(statement, place).cursor  # the driver's: its rows are plain tuples already
    return list(map(Candidate._make, cursor.fetchall())) if cursor else []


def fields_of(rows: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The subscribers' fields. One call for all: parsing each by itself costs five times as much."""
    found: list[dict[str, Any]] = json.loads("[" + ",".join(row.fields or "{}" for row in rows) + "]")
    return found


def mark(connection: sa.Connection, ids: Sequence[int], *, fence: int, server_id: int, now: datetime) -> None:
    """Mark these rows `sending` under a fence; the moment of the first attempt stays as it is."""
    values = {"ids": _list_of(connection, ids), "fence": fence, "server": server_id, "now": now}
    connection.execute(_MARK[connection.dialect.name], values)


def sort_out(
    connection: sa.Connection, claim: Claim, rows: Sequence[Candidate]
) -> tuple[list[Candidate], dict[Reason, list[int]]]:
    """Those who may be mailed, and the ids of those who may not, by reason."""
    staying = held_to_their_lists(connection, claim.campaign_id, rows)
    allowed = []
    left_out: dict[Reason, list[int]] = {}
    for row in rows:
        is_subscribed = bool(row.is_subscribed) if staying is None else row.subscriber_id in staying
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
    people = sorted(row.subscriber_id for row in rows if row.subscriber_id is not None)
    # Person by person in ascending order (so that two lanes never wait for each other in a ring), and
    # without the status as a condition: the index over (list, status) would tempt the planner to read the
    # whole list for each of them.
    held = {"people": _list_of(connection, people), "campaign": campaign_id}
    cursor = connection.execute(_HELD, held).cursor  # as in `find`
    return (
        {person for person, status in cursor.fetchall() if status == Status.SUBSCRIBED} if cursor else set()
    )


def among(connection: sa.Connection, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """`id` is one of these; one array parameter where the database knows arrays."""
    if connection.dialect.name == "postgresql":
        return Delivery.id == sa.any_(sa.literal(list(ids), ARRAY(sa.BigInteger)))
    return Delivery.id.in_(ids)


# Written out, because these run for every window: SQLAlchemy's own making of a statement costs more
# than SQLite's answer to it.
_SELECT = """
    SELECT delivery.id, delivery.attempts, delivery.doubts, delivery.started_at, delivery.subscriber_id,
        subscriber.email,
        EXISTS (SELECT 1 FROM suppression WHERE suppression.address_key = delivery.address_key)
            OR EXISTS (SELECT 1 FROM suppression WHERE suppression.address_key = subscriber.address_key),
        {subscribed}, {fields}
    FROM delivery LEFT JOIN subscriber ON subscriber.id = delivery.subscriber_id
    WHERE delivery.campaign_id = :campaign AND delivery.wave = :wave AND delivery.batch_number = :number
        AND (delivery.state = {pending} OR (delivery.state = {deferred} AND delivery.next_at <= {now}))
    ORDER BY delivery.id LIMIT :limit
"""
_SUBSCRIBED = """EXISTS (
            SELECT 1 FROM campaign_list JOIN subscription ON subscription.list_id = campaign_list.list_id
                AND subscription.subscriber_id = delivery.subscriber_id
            WHERE campaign_list.campaign_id = :campaign AND subscription.status = 'subscribed'
        )"""
_UPDATE = """
    UPDATE delivery SET state = {sending}, fence = :fence, server_id = :server,
        started_at = coalesce(started_at, :now)
    WHERE id {among}
"""
_AMONG = {
    "sqlite": "IN (SELECT value FROM json_each(:ids))",
    "postgresql": "= ANY (CAST(:ids AS bigint[]))",
}
_STATES = {"pending": int(State.PENDING), "deferred": int(State.DEFERRED), "sending": int(State.SENDING)}


def _find(dialect: str, needs_fields: bool) -> sa.TextClause:
    is_sqlite = dialect == "sqlite"
    text = _SELECT.format(
        subscribed=_SUBSCRIBED if is_sqlite else "NULL",
        fields="CAST(subscriber.fields AS text)" if needs_fields else "NULL",
        now=NOW[dialect],
        **_STATES,
    )
    return sa.text(text)


def _mark(dialect: str) -> sa.TextClause:
    text = _UPDATE.format(among=_AMONG[dialect], **_STATES)
    return sa.text(text).bindparams(sa.bindparam("now", type_=UtcDateTime()))


_FIND = {(dialect, needs): _find(dialect, needs) for dialect in _AMONG for needs in (True, False)}
_MARK = {dialect: _mark(dialect) for dialect in _AMONG}
_HELD = sa.text(
    """
    SELECT held.subscriber_id, held.status
    FROM unnest(CAST(:people AS bigint[])) AS person(id)
        CROSS JOIN LATERAL (
            SELECT subscription.subscriber_id, subscription.status FROM subscription
            WHERE subscription.subscriber_id = person.id AND subscription.list_id = ANY (ARRAY(
                SELECT campaign_list.list_id FROM campaign_list WHERE campaign_list.campaign_id = :campaign
            ))
            FOR SHARE
        ) AS held
    """
)


def _list_of(connection: sa.Connection, ids: Iterable[int]) -> str:
    """As the dialect writes a list of numbers in one text parameter."""
    text = ",".join(map(str, ids))
    return f"[{text}]" if connection.dialect.name == "sqlite" else f"{{{text}}}"


def _refusal(row: Candidate, *, is_subscribed: bool) -> Reason | None:
    if row.email is None:
        return Reason.DELETED
    if row.is_suppressed:
        return Reason.SUPPRESSED
    return None if is_subscribed else Reason.UNSUBSCRIBED
