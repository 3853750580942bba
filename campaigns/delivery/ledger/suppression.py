"""Addresses that answers have shown to be dead: kept from every campaign, in the answer's own transaction.

An address that does not exist is suppressed at once. What may pass (a full mailbox, a closed account, a
domain that is not found) has to happen in several campaigns in a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience import suppressing
from campaigns.audience.models import SuppressionReason
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Delivery, Reason, State, Wave


@dataclass(frozen=True, slots=True)
class Rule:
    """So many campaigns in a row, the first and the last at least so far apart."""

    campaigns: int
    apart: timedelta = timedelta(0)


RULES: Mapping[Reason, Rule] = {
    Reason.MAILBOX_FULL: Rule(3),
    Reason.DISABLED: Rule(3),
    Reason.BAD_DOMAIN: Rule(2, timedelta(hours=24)),  # name servers can be away for a day
}


def record(connection: sa.Connection, verdicts: Sequence[Verdict], *, key: bytes, now: datetime) -> None:
    """Suppress who must be after these verdicts, which are already written. The caller commits."""
    rows = []
    for verdict in verdicts:
        if verdict.email is None:
            continue
        reason = _reason(connection, verdict, now)
        if reason is not None:
            rows.append(suppressing.row(verdict.email, key=key, reason=reason, note=_note(verdict), now=now))
    suppressing.insert_rows(connection, [each for each in rows if each])


def _reason(connection: sa.Connection, verdict: Verdict, now: datetime) -> SuppressionReason | None:
    if verdict.is_hard_bounce:
        return SuppressionReason.HARD_BOUNCE
    rule = RULES.get(verdict.reason) if verdict.reason else None
    if rule is None or not _is_met(connection, verdict, rule, now):
        return None
    return SuppressionReason.UNREACHABLE


def _is_met(connection: sa.Connection, verdict: Verdict, rule: Rule, now: datetime) -> bool:
    """Whether the last campaigns all ended so for this address; one that arrived in between ends the row."""
    this = sa.select(Delivery.subscriber_id, Delivery.address_key).where(Delivery.id == verdict.delivery_id)
    person = connection.execute(this).first()
    if person is None:
        return False
    latest = (
        sa.select(Delivery.reason, Delivery.done_at)
        .select_from(Wave)
        .join(Delivery, of_person(person.subscriber_id))
        .where(
            Delivery.address_key == person.address_key,
            Delivery.is_latest,
            sa.or_(Delivery.state == State.SENT, Delivery.reason == verdict.reason),
            Delivery.done_at.is_not(None),
        )
        .order_by(Delivery.done_at.desc())
        .limit(rule.campaigns)
    )
    rows = connection.execute(latest).all()
    is_row = len(rows) == rule.campaigns and all(row.reason is verdict.reason for row in rows)
    return is_row and now - rows[-1].done_at >= rule.apart


def _note(verdict: Verdict) -> str:
    return " ".join(str(part) for part in (verdict.code, verdict.reply) if part)
