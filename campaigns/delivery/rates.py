"""Too many dead addresses: a list gone bad, which costs the sender's good name."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import services, tallies
from campaigns.delivery.models import BOUNCES, Delivery, State
from campaigns.delivery.words import said
from campaigns.planning.models import Campaign, PauseReason

# (from how many answers on, which share of them) is too much.
LIMITS = ((500, 0.05), (1000, 0.02))
UNKNOWN_AT_LEAST = 10
UNKNOWN_SHARE = 0.001


def check(campaign_id: int, *, now: datetime) -> bool:
    """Pause a campaign with too many hard bounces or doubts since it was last (re)started; whether it did."""
    if not _is_worth_a_look(campaign_id):
        return False
    since = db.session.scalar(sa.select(Campaign.updated_at).where(Campaign.id == campaign_id))
    bounced = sa.func.count().filter(Delivery.state == State.FAILED, Delivery.reason.in_(BOUNCES))
    unknown = sa.func.count().filter(Delivery.state == State.UNKNOWN)
    answered = sa.func.count().filter(Delivery.state.in_((State.SENT, State.FAILED)))
    row = db.session.execute(
        sa.select(bounced.label("bounced"), unknown.label("unknown"), answered.label("answered")).where(
            Delivery.campaign_id == campaign_id, Delivery.done_at > since
        )
    ).one()
    if is_too_many(row.bounced, row.answered):
        detail = _(
            "%(bounced)d of %(answered)d addresses do not exist. Check where they come from, then resume.",
            bounced=row.bounced,
            answered=row.answered,
        )
        return services.stop_by_itself(
            campaign_id, reason=PauseReason.BOUNCE_RATE, detail=said(detail), now=now
        )
    if row.unknown > max(UNKNOWN_AT_LEAST, row.answered * UNKNOWN_SHARE):
        detail = _(
            "%(unknown)d mails have an unknown outcome. Look at the server, then resume.", unknown=row.unknown
        )
        return services.stop_by_itself(campaign_id, reason=PauseReason.IN_DOUBT, detail=said(detail), now=now)
    return False


def _is_worth_a_look(campaign_id: int) -> bool:
    """Whether there are enough bounces or doubts at all; who counts since when reads the whole campaign."""
    found = tallies.of(campaign_id)
    unknown = sum(number for (state, _reason), number in found.items() if state is State.UNKNOWN)
    least = min(least * share for least, share in LIMITS)
    bounced = sum(found[State.FAILED, reason] for reason in BOUNCES)
    return bounced > least or unknown > UNKNOWN_AT_LEAST


def is_too_many(bounced: int, answered: int) -> bool:
    """Whether so many hard bounces among so many answers are no chance any more."""
    return any(answered >= least and bounced > share * answered for least, share in LIMITS)
