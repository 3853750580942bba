"""Records bounces, and stages suppressions for them in the transaction of the answer.

An address that does not exist is staged at once. What may be temporary (a full mailbox, a closed account, a
domain that is not found) has to happen in several campaigns in a row. A staged address is not suppressed
yet, and other campaigns write to it: wrong replies of one relay prove nothing (`ledger.staging` says when
they count).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import SuppressionReason
from campaigns.core import addresses, signing
from campaigns.core.dialect import insert
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Bounce, Delivery, Reason, Stage, State, Wave
from campaigns.delivery.reasons import BOUNCES


@dataclass(frozen=True, slots=True)
class Rule:
    """That many campaigns in a row, the first and the last at least that far apart."""

    campaigns: int
    apart: timedelta = timedelta(0)


RULES: Mapping[Reason, Rule] = {
    Reason.MAILBOX_FULL: Rule(3),
    Reason.DISABLED: Rule(3),
    Reason.BAD_DOMAIN: Rule(2, timedelta(hours=24)),  # name servers can be unavailable for a day
}


def is_bounce(verdict: Verdict) -> bool:
    """Whether the verdict says that the address may not get email any more."""
    return verdict.is_hard_bounce or (verdict.state is State.FAILED and verdict.reason in BOUNCES)


def record(
    connection: sa.Connection, verdicts: Sequence[Verdict], *, campaign_id: int, key: bytes, now: datetime
) -> None:
    """Record the bounces among these verdicts, which are already written. The caller commits."""
    rows = []
    for verdict in verdicts:
        if verdict.email is None:
            continue
        suppresses = _reason(connection, verdict, now)
        if suppresses is not None or is_bounce(verdict):
            rows.append(_row(verdict, verdict.email, suppresses, campaign_id=campaign_id, key=key, now=now))
    found = [each for each in rows if each is not None]
    if found:
        connection.execute(insert(Bounce).on_conflict_do_nothing(index_elements=["delivery_id"]), found)


def _row(
    verdict: Verdict,
    email: str,
    suppresses: SuppressionReason | None,
    *,
    campaign_id: int,
    key: bytes,
    now: datetime,
) -> dict[str, Any] | None:
    try:
        address = addresses.normalise(email)
    except ValueError:
        return None  # not an address
    return {
        "campaign_id": campaign_id,
        "delivery_id": verdict.delivery_id,
        "address_key": signing.address_key(key, address),
        "domain_key": signing.address_key(key, addresses.domain_of(address)),
        "suppresses": suppresses,
        "stage": Stage.COUNTED if suppresses is None else Stage.STAGED,
        "at": now,
    }


def _reason(connection: sa.Connection, verdict: Verdict, now: datetime) -> SuppressionReason | None:
    if verdict.is_hard_bounce:
        return SuppressionReason.HARD_BOUNCE
    rule = RULES.get(verdict.reason) if verdict.reason else None
    if rule is None or not _is_met(connection, verdict, rule, now):
        return None
    return SuppressionReason.UNREACHABLE


def _is_met(connection: sa.Connection, verdict: Verdict, rule: Rule, now: datetime) -> bool:
    """Whether the latest campaigns all ended like this for the address, with no delivery in between."""
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
