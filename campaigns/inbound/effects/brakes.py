"""Pauses a campaign when too much of it comes back, and judges what it has staged once it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import domain_of
from campaigns.core.i18n import _
from campaigns.delivery import alerts
from campaigns.delivery import services as delivery_services
from campaigns.delivery.autopause import finishing
from campaigns.delivery.models import Bounce, Delivery, State
from campaigns.delivery.stored_text import said
from campaigns.inbound.effects import rates
from campaigns.inbound.effects.policy import OURS
from campaigns.inbound.effects.rates import Came
from campaigns.inbound.models import Effect, Finding
from campaigns.mail.domains import group_of
from campaigns.planning.models import Campaign, PauseReason, Status

Rows = Iterable[Any]  # of a domain and a number


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
    complaints, bounces, blocks = (
        _by_receiver(_came_back(campaign_id, each)) for each in (_COMPLAINED, _HARD, _BLOCKED)
    )
    many = {
        *(receiver for receiver, number in complaints.items() if number >= rates.LEAST_COMPLAINTS),
        *(receiver for receiver, number in bounces.items() if number >= rates.LEAST_BOUNCES),
        *(receiver for receiver, number in blocks.items() if number >= rates.LEAST_BLOCKS),
    }
    if not many:  # nearly always: the count of all recipients is spared
        return {}
    sent = _by_receiver(_counted(campaign_id, Delivery.state == State.SENT))
    return {each: Came(sent[each], complaints[each], bounces[each], blocks[each]) for each in sorted(many)}


def _pause_if_bad(campaign_id: int, now: datetime) -> None:
    for receiver, came in suspects(campaign_id).items():
        found = _cause(receiver, came)
        if found is not None:
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


_COMPLAINED = Delivery.complained_at.is_not(None)
# By the delivery's id, which has an index: by the campaign's, each row would read the findings of all.
_HARD = (
    sa.select(Finding.id)
    .where(Finding.delivery_id == Delivery.id, Finding.effect == Effect.SUPPRESSED)
    .correlate(Delivery)
    .exists()
)
_BLOCKED = (
    sa.select(Finding.id)
    .where(Finding.delivery_id == Delivery.id, Finding.effect == Effect.BOUNCED, Finding.reason.in_(OURS))
    .correlate(Delivery)
    .exists()
)


def _came_back(campaign_id: int, which: sa.ColumnElement[bool]) -> Rows:
    came_back = sa.or_(Delivery.bounced_at.is_not(None), Delivery.complained_at.is_not(None))
    return _counted(campaign_id, sa.and_(came_back, which))


def _counted(campaign_id: int, which: sa.ColumnElement[bool]) -> Rows:
    domain = domain_of(Subscriber.address)
    return db.session.execute(
        sa.select(domain, sa.func.count())
        .select_from(Delivery)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.campaign_id == campaign_id, Delivery.is_latest, which)
        .group_by(domain)
    )


def _by_receiver(rows: Rows) -> Counter[str]:
    found: Counter[str] = Counter()
    for domain, number in rows:
        found[group_of(domain)] += number
    return found
