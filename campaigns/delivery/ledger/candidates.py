"""The next rows of a batch, and which of them may no longer be sent to (G4)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from campaigns.core.db import UtcDateTime
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.ledger.leases import NOW
from campaigns.delivery.ledger.outcomes import Facts, horizon_from
from campaigns.delivery.models import Delivery, Reason, State


class Run(NamedTuple):
    """A campaign as its lane knows it; rows are marked only if the campaign still has this epoch."""

    campaign: int
    epoch: int


class Candidate(NamedTuple):
    """A due row, with everything that decides whether it may be sent to."""

    id: int
    attempts: int
    doubts: int
    reason: str | None  # why the last attempt failed
    started_at: datetime | str | None  # as the driver returns it: SQLite has no type for moments
    subscriber_id: int | None
    email: str | None
    is_suppressed: bool
    is_subscribed: int | None  # 1: subscribed to one of the lists, locked until the transaction ends (G4)
    fields: str | None  # JSON
    next_at: datetime | str | None = None  # when it was due, if it was deferred
    tried_since: datetime | str | None = None
    language: str | None = None

    def facts(self, *, fence: int, group: str, now: datetime) -> Facts:
        """What the ledger knows about the row as it is marked at `now`."""
        return Facts(
            self.id,
            fence,
            self.attempts,
            self.doubts,
            _moment(self.started_at) or now,
            group,
            Reason(self.reason) if self.reason else None,
            is_first=self.started_at is None,
            due_at=_moment(self.next_at),
            tried_since=_moment(self.tried_since),
        )

    def horizon_from(self, now: datetime) -> datetime:
        """The moment from which the row's retry period counts."""
        return horizon_from(_moment(self.tried_since), _moment(self.next_at), now=now)


def _moment(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


_candidate = partial(tuple.__new__, Candidate)  # same as `_make`, without a Python call for each row


def find(
    connection: sa.Connection, claim: Claim, *, limit: int, needs_fields: bool, needs_language: bool = False
) -> list[Candidate]:
    """The next due rows of a batch, at most `limit`, in order of id; subscribers' fields only with
    `needs_fields`, their language only with `needs_language`.
    """
    statement = _FIND[connection.dialect.name, needs_fields, needs_language]
    place = {"campaign": claim.campaign_id, "wave": claim.wave, "number": claim.number, "limit": limit}
    cursor = connection.execute(statement, place).cursor  # the driver's own cursor: its rows are plain tuples
    return sorted(map(_candidate, cursor.fetchall())) if cursor else []


def fields_of(rows: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The subscribers' fields, parsed in one call: parsing row by row takes five times as long."""
    found: list[dict[str, Any]] = json.loads("[" + ",".join(row.fields or "{}" for row in rows) + "]")
    return found


def mark(
    connection: sa.Connection, ids: Sequence[int], *, run: Run, fence: int, server_id: int, now: datetime
) -> bool:
    """Mark these rows `sending` under a fence. A row that was handed over before keeps its Date.

    Returns False, and marks none, when the campaign was paused, cancelled or restarted meanwhile.
    """
    values = {"ids": _list_of(connection, ids), "fence": fence, "server": server_id, "now": now}
    marked = connection.execute(_MARK[connection.dialect.name], values | run._asdict())
    return bool(marked.rowcount)


def refused(connection: sa.Connection, ids: Collection[int], *, campaign_id: int) -> set[int]:
    """Ids of the campaign's rows that may no longer be sent to, although they are marked."""
    place = {"campaign": campaign_id, "ids": _list_of(connection, ids)}
    rows = connection.execute(_LOOK[connection.dialect.name], place)
    return set(ids) - {row.id for row in rows if row.email and row.is_subscribed and not row.is_suppressed}


# Drops the Date of a row that was marked and never handed over, when it is unknown whether it had one
# before.
FORMER_DATE = sa.case(
    (sa.and_(Delivery.attempts == 0, Delivery.doubts == 0, Delivery.code.is_(None)), sa.null()),
    else_=Delivery.started_at,
)


def sort_out(rows: Iterable[Candidate]) -> tuple[list[Candidate], dict[Reason, list[int]]]:
    """Splits the rows: those that may be sent to, and the ids of the others by reason."""
    allowed = []
    left_out: dict[Reason, list[int]] = {}
    for row in rows:
        reason = _refusal(row)
        if reason is None:
            allowed.append(row)
        else:
            left_out.setdefault(reason, []).append(row.id)
    return allowed, left_out


def skip(
    connection: sa.Connection, ids: Collection[int], reason: Reason, *, campaign: int, now: datetime
) -> None:
    """Mark these rows skipped. If their list was deleted, the reason says so instead of "unsubscribed"."""
    words = _LEFT if reason is Reason.UNSUBSCRIBED else sa.literal(reason, Delivery.reason.type)
    values = {"state": State.SKIPPED, "reason": words, "done_at": now, "next_at": None}
    statement = sa.update(Delivery).where(among(connection, ids)).values(values)
    connection.execute(statement, {"campaign": campaign} if reason is Reason.UNSUBSCRIBED else {})


def among(connection: sa.Connection, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """SQL condition: `id` is one of these; a single array parameter where the database has arrays."""
    if connection.dialect.name == "postgresql":
        return Delivery.id == sa.any_(sa.literal(list(ids), ARRAY(sa.BigInteger)))
    return Delivery.id.in_(ids)


# Plain SQL, because these run for every window: building them in SQLAlchemy takes longer than running them.
_MAILABLE = """
        subscriber.email,
        EXISTS (
            SELECT 1 FROM suppression
            WHERE suppression.address_key IN (found.address_key, subscriber.address_key)
        ) AS is_suppressed,
        (
            SELECT 1 FROM subscription
            WHERE subscription.subscriber_id = found.subscriber_id AND subscription.status = 'subscribed'
                AND subscription.list_id + 0 {on_lists}
            LIMIT 1 {for_share}
        ) AS is_subscribed
"""
_SELECT = """
    SELECT found.id, found.attempts, found.doubts, found.reason, found.started_at, found.subscriber_id,
        {mailable},
        {fields}, found.next_at, found.tried_since, {language}
    FROM (
        SELECT * FROM (
            SELECT id, attempts, doubts, reason, started_at, subscriber_id, address_key, next_at, tried_since
            FROM delivery
            WHERE campaign_id = :campaign AND wave = :wave AND batch_number = :number
                AND (state = {pending} OR (state = {deferred} AND next_at <= {now}))
            ORDER BY id LIMIT :limit
        ) AS those {in_order}
    ) AS found LEFT JOIN subscriber ON subscriber.id = found.subscriber_id
"""
_LOOK_AGAIN = """
    SELECT found.id, {mailable}
    FROM delivery AS found LEFT JOIN subscriber ON subscriber.id = found.subscriber_id
    WHERE found.id {among}
"""
# In PostgreSQL an unsubscribe could commit between this read and our commit. A share lock makes it wait
# those milliseconds, so that no message starts after it (G4). Rows are locked in ascending order, so that
# two lanes cannot deadlock. `+ 0` keeps the planner off the lists' index, with which it would read the whole
# list for each person. SQLite has one writer and needs no lock.
_LISTS = "(SELECT campaign_list.list_id FROM campaign_list WHERE campaign_list.campaign_id = :campaign)"
_DIALECT = {
    "sqlite": {"on_lists": f"IN {_LISTS}", "for_share": "", "in_order": ""},
    "postgresql": {
        "on_lists": f"= ANY (ARRAY{_LISTS})",  # evaluated once, not per person
        "for_share": "FOR SHARE",
        "in_order": "ORDER BY subscriber_id OFFSET 0",
    },
}
_IS_ON_A_LIST = """EXISTS (
    SELECT 1 FROM subscription WHERE subscription.subscriber_id = delivery.subscriber_id AND list_id IN {lists}
)"""
_LEFT = sa.case(
    (
        sa.text(_IS_ON_A_LIST.format(lists=_LISTS)),
        sa.literal(Reason.UNSUBSCRIBED, Delivery.reason.type),
    ),
    else_=sa.literal(Reason.LIST_DELETED, Delivery.reason.type),
)
_UPDATE = """
    UPDATE delivery SET state = {sending}, fence = :fence, server_id = :server,
        started_at = coalesce(started_at, :now)
    WHERE id {among} AND EXISTS (
        SELECT 1 FROM campaign WHERE id = :campaign AND epoch = :epoch AND status = 'sending'
    )
"""
_AMONG = {
    "sqlite": "IN (SELECT value FROM json_each(:ids))",
    "postgresql": "= ANY (CAST(:ids AS bigint[]))",
}
_STATES = {"pending": int(State.PENDING), "deferred": int(State.DEFERRED), "sending": int(State.SENDING)}


def _find(dialect: str, needs_fields: bool, needs_language: bool) -> sa.TextClause:
    language = "subscriber.language" if needs_language else "NULL"
    fields = "CAST(subscriber.fields AS text)" if needs_fields else "NULL"
    mailable, in_order = _MAILABLE.format(**_DIALECT[dialect]), _DIALECT[dialect]["in_order"]
    values = {"now": NOW[dialect], "fields": fields, "mailable": mailable, "in_order": in_order}
    return sa.text(_SELECT.format(**values, **_STATES, language=language))


def _mark(dialect: str) -> sa.TextClause:
    text = _UPDATE.format(among=_AMONG[dialect], **_STATES)
    return sa.text(text).bindparams(sa.bindparam("now", type_=UtcDateTime()))


def _look(dialect: str) -> sa.TextClause:
    # No lock: an unsubscribe a moment later is seen by the next check.
    mailable = _MAILABLE.format(**_DIALECT[dialect] | {"for_share": ""})
    return sa.text(_LOOK_AGAIN.format(among=_AMONG[dialect], mailable=mailable))


_LOOK = {dialect: _look(dialect) for dialect in _AMONG}
_FIND = {key: _find(*key) for key in itertools.product(_AMONG, (True, False), (True, False))}
_MARK = {dialect: _mark(dialect) for dialect in _AMONG}


def _list_of(connection: sa.Connection, ids: Iterable[int]) -> str:
    """A list of numbers as one text parameter, in the dialect's own form."""
    text = ",".join(map(str, ids))
    return f"[{text}]" if connection.dialect.name == "sqlite" else f"{{{text}}}"


def _refusal(row: Candidate) -> Reason | None:
    if row.email is None:
        return Reason.DELETED
    if row.is_suppressed:
        return Reason.SUPPRESSED
    return None if row.is_subscribed else Reason.UNSUBSCRIBED
