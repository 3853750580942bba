"""What goes wrong over a whole campaign: a list gone bad, doubts, mails that can't be made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import services, tallies
from campaigns.delivery.models import BOUNCES, Delivery, Reason, State
from campaigns.delivery.watch import UNMADE_OF_AT_LEAST, is_much_unmade
from campaigns.delivery.words import said
from campaigns.planning.models import Campaign, PauseReason

# (from how many answers on, which share of them) is too much.
LIMITS = ((500, 0.05), (1000, 0.02))
UNKNOWN_AT_LEAST = 10
UNKNOWN_SHARE = 0.001


def check(campaign_id: int, *, now: datetime) -> bool:
    """Pause a campaign in which too much goes wrong since it was last (re)started; whether it did.

    Too many hard bounces, doubts, or mails that could not be made. A lane sees its own share of these only.
    """
    if not _is_worth_a_look(campaign_id):
        return False
    found = _cause(_counts(campaign_id))
    if found is None:
        return False
    reason, detail = found
    return services.stop_by_itself(campaign_id, reason=reason, detail=said(detail), now=now)


def _counts(campaign_id: int) -> Any:
    """`bounced`, `unknown`, `unmade` and all that were `answered` since the (re)start. Reads the whole campaign."""
    since = db.session.scalar(sa.select(Campaign.updated_at).where(Campaign.id == campaign_id))
    failed = Delivery.state == State.FAILED
    counted = {
        "bounced": sa.and_(failed, Delivery.reason.in_(BOUNCES)),
        "unknown": Delivery.state == State.UNKNOWN,
        "unmade": sa.and_(failed, Delivery.reason == Reason.CONTENT),
        "answered": Delivery.state.in_((State.SENT, State.FAILED)),
    }
    columns = [sa.func.count().filter(each).label(name) for name, each in counted.items()]
    return db.session.execute(
        sa.select(*columns).where(Delivery.campaign_id == campaign_id, Delivery.done_at > since)
    ).one()


def _cause(counts: Any) -> tuple[PauseReason, str] | None:
    if is_too_many(counts.bounced, counts.answered):
        return PauseReason.BOUNCE_RATE, _(
            "%(bounced)d of %(answered)d addresses do not exist. Check where they come from, then resume.",
            bounced=counts.bounced,
            answered=counts.answered,
        )
    if counts.unknown > max(UNKNOWN_AT_LEAST, counts.answered * UNKNOWN_SHARE):
        return PauseReason.IN_DOUBT, _(
            "%(unknown)d mails have an unknown outcome. Look at the server, then resume.",
            unknown=counts.unknown,
        )
    if is_much_unmade(counts.unmade, counts.answered):
        return PauseReason.CONTENT, _(
            "%(unmade)d of %(answered)d mails could not be made. Look who did not get it and why, then resume.",
            unmade=counts.unmade,
            answered=counts.answered,
        )
    return None


def _is_worth_a_look(campaign_id: int) -> bool:
    """Whether there is enough of anything at all; who counts since when reads the whole campaign."""
    found = tallies.of(campaign_id)
    unknown = sum(number for (state, _reason), number in found.items() if state is State.UNKNOWN)
    least = min(least * share for least, share in LIMITS)
    bounced = sum(found[State.FAILED, reason] for reason in BOUNCES)
    unmade = found[State.FAILED, Reason.CONTENT]
    return bounced > least or unknown > UNKNOWN_AT_LEAST or is_much_unmade(unmade, UNMADE_OF_AT_LEAST)


def is_too_many(bounced: int, answered: int) -> bool:
    """Whether so many hard bounces among so many answers are no chance any more."""
    return any(answered >= least and bounced > share * answered for least, share in LIMITS)
