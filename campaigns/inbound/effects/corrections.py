"""What an operator makes of a finding that was read wrongly: its effect is undone, and the shape remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.inbound.effects import apply as effects
from campaigns.inbound.effects.shapes import plain, shape_of
from campaigns.inbound.models import OF_BOUNCES, Correction, Finding
from campaigns.inbound.verdicts.verdict import Cause, Detail, Kind, Recipient

# The finer reason that stands for each, and whether the address may get no email any more.
_AS = {
    Cause.BAD_ADDRESS: (Detail.USERUNKNOWN, True),
    Cause.BAD_DOMAIN: (Detail.HOSTUNKNOWN, True),
    Cause.MAILBOX_FULL: (Detail.MAILBOXFULL, False),
    Cause.DISABLED: (Detail.SUSPEND, False),
    Cause.BLOCKED_SENDER: (Detail.BLOCKED, False),
    Cause.AUTH_FAILURE: (Detail.AUTHFAILURE, False),
    Cause.SPAM_CONTENT: (Detail.SPAMDETECTED, False),
    Cause.TOO_BIG: (Detail.MESGTOOBIG, False),
    Cause.THROTTLED: (Detail.SPEEDING, False),
    Cause.TEMPORARY: (Detail.EXPIRED, False),
    Cause.UNKNOWN: (Detail.UNDEFINED, False),
}
CHOICES = tuple(_AS)


def known_for(recipients: Iterable[Recipient]) -> dict[str, Cause]:
    """How operators have read texts like these before, by their shapes."""
    shapes = {shape_of(each.diagnostic) for each in recipients if each.diagnostic}
    if not shapes:
        return {}
    rows = db.session.execute(
        sa.select(Correction.shape, Correction.reason).where(Correction.shape.in_(shapes))
    )
    return {row[0]: row[1] for row in rows}


def corrected(recipient: Recipient, known: Mapping[str, Cause]) -> Recipient:
    """The recipient as operators have read that text before; unchanged if none has."""
    if not known or not recipient.diagnostic:
        return recipient
    reason = known.get(shape_of(recipient.diagnostic))
    return recipient if reason is None else as_read(recipient, reason)


def as_read(recipient: Recipient, reason: Cause) -> Recipient:
    """The recipient with another reason."""
    if recipient.reason is reason or reason not in _AS:
        return recipient
    detail, is_hard = _AS[reason]
    return replace(recipient, reason=reason, detail=detail, hard=is_hard)


def overrule(finding: Finding, reason: Cause, *, now: datetime) -> None:
    """Give a finding another reason: undo its effect, apply the new one, and read that text so from now on.

    What other messages have said of the same mail keeps its effect, unless they said it in the same words.
    Raises Conflict if it has that reason already, or is about no recipient of a bounce.
    """
    if finding.message.kind is not Kind.BOUNCE or finding.reason is None or finding.detail is None:
        raise Conflict(_("Only the reason of a bounce can be changed."))
    if finding.reason is reason or reason not in _AS:
        raise Conflict(_("It has this reason already."))
    before = _recipient(finding)
    beside = _beside(finding)
    for each in beside:
        if each.delivery_id is not None:
            effects.take_back(each.delivery_id, each.effect, _recipient(each))
    for each in beside:
        if each is finding or _says_the_same(each, finding):
            _relabel(each, reason, now)
        if each.delivery_id is not None:
            each.effect = effects.apply(each.delivery_id, Kind.BOUNCE, _recipient(each), now=now)
    if plain(before.diagnostic):
        _remember(before.diagnostic, reason, now)
    audit_services.record(
        "bounce.overruled",
        addresses.masked(before.address) if before.address else "",
        was=before.reason.value,
        now_is=reason.value,
        now=now,
    )
    db.session.flush()


def _beside(finding: Finding) -> list[Finding]:
    """This one and the others that marked the same delivery as bounced, in order."""
    if finding.delivery_id is None:
        return [finding]
    statement = sa.select(Finding).where(
        Finding.delivery_id == finding.delivery_id,
        sa.or_(Finding.effect.in_(OF_BOUNCES), Finding.id == finding.id),
    )
    fresh = statement.order_by(Finding.id).execution_options(populate_existing=True)
    return list(db.session.scalars(fresh))


def _says_the_same(one: Finding, other: Finding) -> bool:
    said = plain(one.diagnostic)
    return bool(said) and said == plain(other.diagnostic)


def _relabel(finding: Finding, reason: Cause, now: datetime) -> None:
    after = as_read(_recipient(finding), reason)
    finding.reason, finding.detail, finding.is_hard = after.reason, after.detail, after.hard
    finding.overruled_at, finding.overruled_to = now, reason


def _recipient(finding: Finding) -> Recipient:
    return Recipient(
        address=finding.address,
        reason=finding.reason or Cause.UNKNOWN,
        detail=finding.detail or Detail.UNDEFINED,
        hard=finding.is_hard,
        status=finding.status,
        diagnostic=finding.diagnostic,
    )


def _remember(diagnostic: str, reason: Cause, now: datetime) -> None:
    values = {"sample": diagnostic, "reason": reason, "at": now}
    written = insert(Correction).values(shape=shape_of(diagnostic), **values)
    db.session.execute(written.on_conflict_do_update(index_elements=["shape"], set_=values))
