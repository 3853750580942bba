"""Writes verdicts onto ledger rows in bulk. A row is written only while it is `sending` under its fence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.models import Attempt, Delivery, Reason, State

ATTEMPTS_KEPT = 5

# One statement for a whole window: executemany would cost about a round trip for each row.
_SENT_AT_ONCE = sa.text(
    """
    UPDATE delivery SET state = :sent, done_at = :now, attempts = attempts + 1, next_at = NULL, reason = NULL,
        server_id = :server, code = said.code, enhanced = said.enhanced, reply = said.reply
    FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[]), CAST(:codes AS smallint[]),
        CAST(:enhanced AS text[]), CAST(:replies AS text[])) AS said(id, fence, code, enhanced, reply)
    WHERE delivery.id = said.id AND delivery.fence = said.fence AND delivery.state = :sending
    """
)
_SENT_EACH = (
    "UPDATE delivery SET state = ?, done_at = ?, attempts = attempts + 1, next_at = NULL, reason = NULL,"
    " server_id = ?, code = ?, enhanced = ?, reply = ? WHERE id = ? AND fence = ? AND state = ?"
)
_ours = sa.and_(
    Delivery.id == sa.bindparam("row"),
    Delivery.fence == sa.bindparam("row_fence"),
    Delivery.state == State.SENDING,
)
_ANY = sa.update(Delivery.__table__).where(_ours)  # type: ignore[arg-type]


def write(
    connection: sa.Connection,
    verdicts: Sequence[Verdict],
    *,
    server_id: int,
    is_cancelled: bool,
    now: datetime,
) -> None:
    """Write all verdicts; if the campaign is cancelled, waiting rows end. Idempotent."""
    if is_cancelled:
        verdicts = [_ended(verdict) for verdict in verdicts]
    sent = [verdict for verdict in verdicts if verdict.state is State.SENT]
    if sent:
        _write_sent(connection, sent, server_id, now)
    others = [_values(verdict, server_id, now) for verdict in verdicts if verdict.state is not State.SENT]
    if others:
        connection.execute(_ANY, others)
    attempts = list(_attempts(verdicts, server_id, now))
    if attempts:
        connection.execute(sa.insert(Attempt), attempts)


def _ended(verdict: Verdict) -> Verdict:
    if verdict.state.is_final:
        return verdict
    return verdict._replace(state=State.CANCELLED, reason=Reason.CAMPAIGN_CANCELLED, next_at=None)


def _write_sent(connection: sa.Connection, sent: list[Verdict], server_id: int, now: datetime) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(
            _SENT_AT_ONCE,
            {
                "sent": int(State.SENT),
                "sending": int(State.SENDING),
                "now": now,
                "server": server_id,
                "ids": numbers_as_array(verdict.delivery_id for verdict in sent),
                "fences": numbers_as_array(verdict.fence for verdict in sent),
                "codes": numbers_as_array(verdict.code for verdict in sent),
                "enhanced": texts_as_array([verdict.enhanced for verdict in sent]),
                "replies": texts_as_array([verdict.reply for verdict in sent]),
            },
        )
        return
    moment = now.strftime("%Y-%m-%d %H:%M:%S.%f")  # as SQLAlchemy stores it
    rows = [
        (State.SENT, moment, server_id, v.code, v.enhanced, v.reply, v.delivery_id, v.fence, State.SENDING)
        for v in sent
    ]
    connection.exec_driver_sql(_SENT_EACH, rows)


def numbers_as_array(values: Iterable[int | None]) -> str:
    """A PostgreSQL array as text: the driver converts lists item by item, which takes ten times as long."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts_as_array(values: Sequence[str | None]) -> str:
    """Same for texts, all of them quoted; they are escaped one by one only if any needs it."""
    if None not in values:
        text = '","'.join(values)  # type: ignore[arg-type]
        if "\\" not in text and text.count('"') == 2 * (len(values) - 1):
            return f'{{"{text}"}}' if values else "{}"
    return "{" + ",".join(map(_quoted, values)) + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _values(verdict: Verdict, server_id: int, now: datetime) -> dict[str, Any]:
    return {
        "row": verdict.delivery_id,
        "row_fence": verdict.fence,
        "state": verdict.state,
        "reason": verdict.reason,
        "attempts": verdict.attempts,
        "doubts": verdict.doubts,
        "next_at": verdict.next_at,
        "started_at": verdict.started_at,
        "tried_since": verdict.tried_since,
        "done_at": now if verdict.state.is_final else None,
        "server_id": server_id,
        "code": verdict.code,
        "enhanced": verdict.enhanced,
        "reply": verdict.reply,
    }


def _attempts(verdicts: Iterable[Verdict], server_id: int, now: datetime) -> Iterable[dict[str, Any]]:
    for verdict in verdicts:
        if verdict.is_worth_an_attempt_row and verdict.attempts <= ATTEMPTS_KEPT:
            yield {
                "delivery_id": verdict.delivery_id,
                "at": now,
                "phase": str(verdict.phase),
                "code": verdict.code,
                "enhanced": verdict.enhanced,
                "text": verdict.reply or "",
                "server_id": server_id,
            }
