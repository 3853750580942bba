"""What goes wrong over a whole campaign: a list gone bad, doubts, mails that can't be made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import services
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import BOUNCES, Delivery, Reason, State
from campaigns.delivery.stored_text import said
from campaigns.planning.models import Campaign, PauseReason

# (from how many answers on, which share of them) is too much.
LIMITS = ((500, 0.05), (1000, 0.02))
UNKNOWN_AT_LEAST = 10
UNKNOWN_SHARE = 0.001
UNMADE_OF_AT_LEAST = 200
UNMADE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Counts:
    """How many recipients came to which end."""

    bounced: int
    unknown: int
    unmade: int
    answered: int


def is_much_unmade(unmade: int, seen: int) -> bool:
    """Whether more than one mail in a hundred could not be made, of enough to tell."""
    return seen >= UNMADE_OF_AT_LEAST and unmade > UNMADE_SHARE * seen


def check(campaign_id: int, *, now: datetime) -> bool:
    """Pause a campaign in which too much goes wrong since it was last (re)started; whether it did.

    Too many hard bounces, doubts, or mails that could not be made. A lane sees its own share of these only.
    """
    found = _cause(_since_the_start(campaign_id))
    if found is None:
        return False
    reason, detail = found
    return services.stop_by_itself(campaign_id, reason=reason, detail=said(detail), now=now)


def _since_the_start(campaign_id: int) -> Counts:
    """Since the last one: of a campaign that was never stopped the batches know it, without a look at its rows."""
    whole = _whole(campaign_id)
    row = db.session.execute(
        sa.select(Campaign.epoch, Campaign.updated_at).where(Campaign.id == campaign_id)
    ).one()
    if row.epoch <= 1 or not _is_worth_a_look(whole):
        return whole
    return _since(campaign_id, row.updated_at)


def _whole(campaign_id: int) -> Counts:
    found = tallies.of(campaign_id)
    of_state: Counter[State] = Counter()
    for (state, _reason), number in found.items():
        of_state[state] += number
    return Counts(
        bounced=sum(found[State.FAILED, reason] for reason in BOUNCES),
        unknown=of_state[State.UNKNOWN],
        unmade=found[State.FAILED, Reason.CONTENT],
        answered=of_state[State.SENT] + of_state[State.FAILED],
    )


def _since(campaign_id: int, moment: datetime) -> Counts:
    """Reads the whole campaign."""
    failed = Delivery.state == State.FAILED
    counted = (
        sa.and_(failed, Delivery.reason.in_(BOUNCES)),
        Delivery.state == State.UNKNOWN,
        sa.and_(failed, Delivery.reason == Reason.CONTENT),
        Delivery.state.in_((State.SENT, State.FAILED)),
    )
    row = db.session.execute(
        sa.select(*[sa.func.count().filter(each) for each in counted]).where(
            Delivery.campaign_id == campaign_id, Delivery.done_at > moment
        )
    ).one()
    return Counts(row[0], row[1], row[2], row[3])


def _cause(counts: Counts) -> tuple[PauseReason, str] | None:
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


def _is_worth_a_look(whole: Counts) -> bool:
    """Whether there is enough of anything at all; since the start there can't be more of it."""
    least = min(least * share for least, share in LIMITS)
    return (
        whole.bounced > least
        or whole.unknown > UNKNOWN_AT_LEAST
        or is_much_unmade(whole.unmade, UNMADE_OF_AT_LEAST)
    )


def is_too_many(bounced: int, answered: int) -> bool:
    """Whether so many hard bounces among so many answers are no chance any more."""
    return any(answered >= least and bounced > share * answered for least, share in LIMITS)
