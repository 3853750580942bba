"""Writes the answers of servers to the demo's campaigns into the ledger that their launch has created."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, SuppressionReason
from campaigns.cli.demo_data import many
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import Attempt, Batch, BatchState, Bounce, Delivery, Reason, Stage, State
from campaigns.planning.models import Campaign

PER_MINUTE = 240
RETRIED, FULL, UNKNOWN = 0.02, 0.0015, 0.0006  # shares of all
RETRY_AFTER = timedelta(minutes=15)
_CHANGED = (
    *("state", "reason", "attempts", "doubts", "started_at", "tried_since"),
    *("done_at", "server_id", "code", "enhanced", "reply"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's final answer to one email, and the refusal before it if there were two attempts."""

    state: State
    reason: Reason | None = None
    code: int | None = 250
    enhanced: str | None = "2.0.0"
    reply: str | None = "2.0.0 Ok: queued"
    is_retried: bool = False


SENT = Answer(State.SENT)
BOUNCED = Answer(
    State.FAILED, Reason.BAD_ADDRESS, 550, "5.1.1", "5.1.1 User unknown in virtual mailbox table"
)
FULL_MAILBOX = Answer(State.FAILED, Reason.MAILBOX_FULL, 552, "5.2.2", "5.2.2 Mailbox is full")
LOST = Answer(
    State.UNKNOWN, Reason.IN_DOUBT, None, None, "Connection closed after the message was handed over"
)
GREYLISTED = Answer(State.SENT, is_retried=True)


def write(
    campaign: Campaign, *, server_id: int, bounces: float, key: bytes, batches: int | None = None
) -> datetime:
    """Answer for the waiting recipients of the first `batches` (None: all); returns the time of the last answer."""
    start = campaign.started_at
    assert start is not None  # it is sending
    rows = _waiting(campaign.id, batches)
    dice = random.Random(campaign.id)  # noqa: S311 (a demo, no secret)
    answers = [_answer(dice, bounces) for _row in rows]
    written = [
        _values(row, answer, start + timedelta(minutes=place / PER_MINUTE), server_id)
        for place, (row, answer) in enumerate(zip(rows, answers, strict=True))
    ]
    db.session.execute(_UPDATE, written)
    _write_attempts(rows, answers, written)
    _write_bounces(campaign.id, rows, answers, written, key)
    last: datetime = max(each["b_done_at"] for each in written)
    _settle(campaign.id, batches, last)
    return last


def _waiting(campaign_id: int, batches: int | None) -> Sequence[Any]:
    statement = (
        sa.select(Delivery.id, Subscriber.address)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.campaign_id == campaign_id, Delivery.state == State.PENDING)
        .order_by(Delivery.id)
    )
    if batches is not None:
        statement = statement.where(Delivery.batch_number < batches)
    return db.session.execute(statement).all()


def _answer(dice: random.Random, bounces: float) -> Answer:
    roll = dice.random()
    for share, answer in ((bounces, BOUNCED), (FULL, FULL_MAILBOX), (UNKNOWN, LOST), (RETRIED, GREYLISTED)):
        if roll < share:
            return answer
        roll -= share
    return SENT


def _values(row: Any, answer: Answer, at: datetime, server_id: int) -> dict[str, Any]:
    done = at + RETRY_AFTER if answer.is_retried else at + timedelta(milliseconds=400)
    values = {
        "state": answer.state,
        "reason": answer.reason,
        "attempts": 2 if answer.is_retried else 1,
        "doubts": int(answer is LOST),
        "started_at": at,
        "tried_since": at,
        "done_at": done,
        "server_id": server_id,
        "code": answer.code,
        "enhanced": answer.enhanced,
        "reply": answer.reply,
    }
    return {f"b_{name}": value for name, value in values.items()} | {"b_id": row.id}


_TABLE = Delivery.__table__
_UPDATE = (
    sa.update(_TABLE)  # type: ignore[arg-type]
    .where(_TABLE.c.id == sa.bindparam("b_id"))
    .values({name: sa.bindparam(f"b_{name}") for name in _CHANGED})
)


def _write_attempts(
    rows: Sequence[Any], answers: Sequence[Answer], written: Sequence[dict[str, Any]]
) -> None:
    """Insert a row for each refusal and unknown result, as the engine does."""
    attempts = []
    for row, answer, values in zip(rows, answers, written, strict=True):
        if answer is SENT:
            continue
        said = (answer.code, answer.enhanced, answer.reply)
        if answer.is_retried:
            said = (451, "4.7.1", "4.7.1 Greylisted, try again later")
        attempts.append(
            {
                "delivery_id": row.id,
                "at": values["b_started_at"],
                "phase": "end" if answer is LOST else "rcpt",
                "code": said[0],
                "enhanced": said[1],
                "text": said[2],
                "server_id": values["b_server_id"],
            }
        )
    many.insert(Attempt, attempts)


def _write_bounces(
    campaign_id: int,
    rows: Sequence[Any],
    answers: Sequence[Answer],
    written: Sequence[dict[str, Any]],
    key: bytes,
) -> None:
    bounces = [
        {
            "campaign_id": campaign_id,
            "delivery_id": row.id,
            "address_key": signing.address_key(key, row.address),
            "domain_key": signing.address_key(key, addresses.domain_of(row.address)),
            "suppresses": SuppressionReason.HARD_BOUNCE,
            "stage": Stage.STAGED,
            "at": values["b_done_at"],
        }
        for row, answer, values in zip(rows, answers, written, strict=True)
        if answer is BOUNCED
    ]
    many.insert(Bounce, bounces)


def _settle(campaign_id: int, batches: int | None, at: datetime) -> None:
    """Close the batches and update their counts."""
    theirs = Batch.campaign_id == campaign_id
    if batches is not None:
        theirs = sa.and_(theirs, Batch.number < batches)
    db.session.execute(sa.update(Batch).where(theirs).values(state=BatchState.DONE, fence=1, settled_at=at))
    tallies.retake(campaign_id, [State.PENDING])
