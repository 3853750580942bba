"""Who comes next in a batch, and who of them may not be mailed any more (G4)."""

from __future__ import annotations

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
    """A campaign as its lane knows it: what is marked for it is marked in this epoch or not at all."""

    campaign: int
    epoch: int


class Candidate(NamedTuple):
    """A row whose time has come, with what speaks for and against a mail to it."""

    id: int
    attempts: int
    doubts: int
    reason: str | None  # of its last attempt
    started_at: datetime | str | None  # as the driver gives it: SQLite has no moments
    subscriber_id: int | None
    email: str | None
    is_suppressed: bool
    is_subscribed: int | None  # 1: to one of the lists, and can't leave before the transaction ends (G4)
    fields: str | None  # JSON
    next_at: datetime | str | None = None  # when it was due, of a row that was put off
    tried_since: datetime | str | None = None

    def facts(self, *, fence: int, group: str, now: datetime) -> Facts:
        """What the ledger knows of it as it is marked at that moment."""
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
        """From when its horizon counts."""
        return horizon_from(_moment(self.tried_since), _moment(self.next_at), now=now)


def _moment(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


_candidate = partial(tuple.__new__, Candidate)  # as `_make`, without a call of Python's for every row


def find(connection: sa.Connection, claim: Claim, *, limit: int, needs_fields: bool) -> list[Candidate]:
    """The next rows of a batch whose time has come, by id, with the subscribers' fields where they are needed."""
    statement = _FIND[connection.dialect.name, needs_fields]
    place = {"campaign": claim.campaign_id, "wave": claim.wave, "number": claim.number, "limit": limit}
    cursor = connection.execute(statement, place).cursor  # the driver's: its rows are plain tuples already
    return sorted(map(_candidate, cursor.fetchall())) if cursor else []


def fields_of(rows: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The subscribers' fields. One call for all: parsing each by itself costs five times as much."""
    found: list[dict[str, Any]] = json.loads("[" + ",".join(row.fields or "{}" for row in rows) + "]")
    return found


def mark(
    connection: sa.Connection, ids: Sequence[int], *, run: Run, fence: int, server_id: int, now: datetime
) -> bool:
    """Mark these rows `sending` under a fence; the Date of those that were handed over before stays as it is.

    False, and none is marked, when the campaign was paused, cancelled or started anew by then.
    """
    values = {"ids": _list_of(connection, ids), "fence": fence, "server": server_id, "now": now}
    marked = connection.execute(_MARK[connection.dialect.name], values | run._asdict())
    return bool(marked.rowcount)


def refused(connection: sa.Connection, ids: Collection[int], *, campaign_id: int) -> set[int]:
    """Those of the campaign's rows to whose people nothing may be sent any more, whatever their marking said."""
    place = {"campaign": campaign_id, "ids": _list_of(connection, ids)}
    rows = connection.execute(_LOOK[connection.dialect.name], place)
    return set(ids) - {row.id for row in rows if row.email and row.is_subscribed and not row.is_suppressed}


# The Date of a row that was marked and never handed over, where nobody remembers whether it had one before.
FORMER_DATE = sa.case(
    (sa.and_(Delivery.attempts == 0, Delivery.doubts == 0, Delivery.code.is_(None)), sa.null()),
    else_=Delivery.started_at,
)


def sort_out(rows: Iterable[Candidate]) -> tuple[list[Candidate], dict[Reason, list[int]]]:
    """Those who may be mailed, and the ids of those who may not, by reason."""
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
    """Leave these out of it for good. Who is not subscribed because the list is gone has not unsubscribed."""
    words = _LEFT if reason is Reason.UNSUBSCRIBED else sa.literal(reason, Delivery.reason.type)
    values = {"state": State.SKIPPED, "reason": words, "done_at": now, "next_at": None}
    statement = sa.update(Delivery).where(among(connection, ids)).values(values)
    connection.execute(statement, {"campaign": campaign} if reason is Reason.UNSUBSCRIBED else {})


def among(connection: sa.Connection, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """`id` is one of these; one array parameter where the database knows arrays."""
    if connection.dialect.name == "postgresql":
        return Delivery.id == sa.any_(sa.literal(list(ids), ARRAY(sa.BigInteger)))
    return Delivery.id.in_(ids)


# Written out, because these run for every window: SQLAlchemy's own making of a statement costs more
# than SQLite's answer to it.
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
        {fields}, found.next_at, found.tried_since
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
# PostgreSQL lets an unsubscribe commit between our look and our commit; a share lock makes it wait those
# milliseconds, so that no mail begins after it (G4). Person by person in ascending order, so that two lanes never
# wait for each other in a ring. `+ 0` hides the lists from their index, which would tempt the planner to read the
# whole list for each person. SQLite has one writer.
_LISTS = "(SELECT campaign_list.list_id FROM campaign_list WHERE campaign_list.campaign_id = :campaign)"
_DIALECT = {
    "sqlite": {"on_lists": f"IN {_LISTS}", "for_share": "", "in_order": ""},
    "postgresql": {
        "on_lists": f"= ANY (ARRAY{_LISTS})",  # which is looked up once, and not for each person
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


def _find(dialect: str, needs_fields: bool) -> sa.TextClause:
    fields = "CAST(subscriber.fields AS text)" if needs_fields else "NULL"
    mailable, in_order = _MAILABLE.format(**_DIALECT[dialect]), _DIALECT[dialect]["in_order"]
    values = {"now": NOW[dialect], "fields": fields, "mailable": mailable, "in_order": in_order}
    return sa.text(_SELECT.format(**values, **_STATES))


def _mark(dialect: str) -> sa.TextClause:
    text = _UPDATE.format(among=_AMONG[dialect], **_STATES)
    return sa.text(text).bindparams(sa.bindparam("now", type_=UtcDateTime()))


def _look(dialect: str) -> sa.TextClause:
    # Without a lock: who leaves a moment later is seen by the next look.
    mailable = _MAILABLE.format(**_DIALECT[dialect] | {"for_share": ""})
    return sa.text(_LOOK_AGAIN.format(among=_AMONG[dialect], mailable=mailable))


_LOOK = {dialect: _look(dialect) for dialect in _AMONG}
_FIND = {(dialect, needs): _find(dialect, needs) for dialect in _AMONG for needs in (True, False)}
_MARK = {dialect: _mark(dialect) for dialect in _AMONG}


def _list_of(connection: sa.Connection, ids: Iterable[int]) -> str:
    """As the dialect writes a list of numbers in one text parameter."""
    text = ",".join(map(str, ids))
    return f"[{text}]" if connection.dialect.name == "sqlite" else f"{{{text}}}"


def _refusal(row: Candidate) -> Reason | None:
    if row.email is None:
        return Reason.DELETED
    if row.is_suppressed:
        return Reason.SUPPRESSED
    return None if row.is_subscribed else Reason.UNSUBSCRIBED
