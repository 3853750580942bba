"""Pauses a campaign when too much of it comes back, and judges what it has staged once it is over."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import alerts
from campaigns.delivery import services as delivery_services
from campaigns.delivery.autopause import finishing
from campaigns.delivery.models import Bounce, Delivery, State
from campaigns.delivery.stored_text import said
from campaigns.inbound.effects import counted, rates
from campaigns.inbound.effects.rates import Came
from campaigns.mail.domains import is_provider
from campaigns.planning.models import Campaign, PauseReason, Status


def check(campaign_id: int, *, now: datetime) -> None:
    """Pause the campaign while it sends, or judge its staged suppressions once it is over. The caller commits."""
    status = db.session.scalar(sa.select(Campaign.status).where(Campaign.id == campaign_id))
    if status is Status.SENDING:
        _pause_if_bad(campaign_id, now)
        return
    if status not in (Status.FINISHED, Status.CANCELLED):
        return
    if not finishing.judge_late(campaign_id, now=now):
        alerts.post_about_bounces(campaign_id, now=now)
    for receiver, came in suspects(campaign_id).items():
        if found := _cause(receiver, came):
            _reason, detail = found
            alerts.post_about_receiver(campaign_id, receiver, said(detail), now=now)


def to_judge() -> list[int]:
    """Ids of finished campaigns with suppressions that came back staged and were not judged yet."""
    staged = sa.select(Bounce.id).where(
        Bounce.campaign_id == Campaign.id, sa.literal_column("bounce.stage") == sa.literal_column("1")
    )
    statement = sa.select(Campaign.id).where(Campaign.status == Status.FINISHED, staged.exists())
    return list(db.session.scalars(statement))


def suspects(campaign_id: int) -> dict[str, Came]:
    """What came back of a campaign from receivers from which so much did that it may be too much."""
    theirs: tuple[sa.ColumnElement[bool], ...] = (
        Delivery.campaign_id == campaign_id,
        sa.and_(Delivery.is_latest),
    )
    complaints, bounces, blocks = (
        counted.by_receiver(Delivery, *theirs, each)
        for each in (counted.COMPLAINED, counted.HARD, counted.BLOCKED)
    )
    many = {
        *(receiver for receiver, number in complaints.items() if number >= rates.LEAST_COMPLAINTS),
        *(receiver for receiver, number in bounces.items() if number >= rates.LEAST_BOUNCES),
        *(receiver for receiver, number in blocks.items() if number >= rates.LEAST_BLOCKS),
    }
    if not many:  # nearly always: the count of all recipients is spared
        return {}
    sent = counted.by_receiver(Delivery, *theirs, Delivery.state == State.SENT)
    return {
        each: Came(
            sent[each],
            complaints[each],
            bounces[each],
            blocks[each],
            is_provider=is_provider(each),
            of=sent.total(),
        )
        for each in sorted(many)
    }


def _pause_if_bad(campaign_id: int, now: datetime) -> None:
    for receiver, came in suspects(campaign_id).items():
        found = _cause(receiver, came)
        if found is not None and came.may_pause:
            reason, fact = found
            detail = f"{said(fact)} {said(_ADVICE[reason])}"
            delivery_services.stop_by_itself(campaign_id, reason=reason, detail=detail, now=now)
            return


def _cause(receiver: str, came: Came) -> tuple[PauseReason, object] | None:
    numbers = {"receiver": receiver, "sent": came.sent}
    if came.has_too_many_complaints:
        return PauseReason.COMPLAINTS, _(
            "%(number)d of %(sent)d recipients at %(receiver)s marked this email as spam.",
            number=came.complaints,
            **numbers,
        )
    if came.has_too_many_blocks:
        return PauseReason.POLICY, _(
            "%(receiver)s sent back %(number)d of %(sent)d emails because of our server, domain or content.",
            number=came.blocks,
            **numbers,
        )
    if came.has_too_many_bounces:
        return PauseReason.BOUNCE_RATE, _(
            "%(number)d of %(sent)d emails to %(receiver)s came back: the addresses do not exist.",
            number=came.hard_bounces,
            **numbers,
        )
    return None


_ADVICE = {
    PauseReason.COMPLAINTS: _(
        "Check who is on the list and whether they asked for it. Then resume or cancel."
    ),
    PauseReason.POLICY: _("See the bounces for what it says, then resume or cancel."),
    PauseReason.BOUNCE_RATE: _("Check the list, then resume or cancel."),
}
