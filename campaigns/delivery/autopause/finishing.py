"""The end of a campaign: the brakes are asked once more, and staged suppressions are judged
(`ledger.staging`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery import services
from campaigns.delivery.autopause import bounce_finding, bounce_limits, failure_rate
from campaigns.delivery.autopause.bounce_finding import Finding
from campaigns.delivery.ledger import silent_domains, since_resumed, staging
from campaigns.delivery.ledger.since_resumed import Share
from campaigns.planning import states
from campaigns.planning.models import Campaign, PauseReason, Status


def finish(campaign_id: int, *, now: datetime) -> bool:
    """Finish a campaign in which no recipient waits; False if one does or the campaign is not sending.

    If too much has gone wrong it is paused instead, however small it is.
    """
    status = db.session.scalar(sa.select(Campaign.status).where(Campaign.id == campaign_id))
    if status is not Status.SENDING or services.somebody_waits(campaign_id):
        return False
    finding = bounce_finding.look(campaign_id, is_over=True)
    if failure_rate.stop_for_bounces(campaign_id, finding, now=now):
        return False
    try:
        states.move(campaign_id, Status.FINISHED, now=now)
    except Conflict:
        return False
    _judge(campaign_id, finding, now=now)
    return True


def suppress_some(campaign_id: int, *, now: datetime) -> None:
    """While the campaign sends: suppress what is staged, if its brake allows, except the newest bounces."""
    upto = to_suppress(campaign_id, since_resumed.shares(campaign_id))
    if upto:
        staging.apply(campaign_id, upto=upto, except_at=_silent(campaign_id), now=now)


def to_suppress(campaign_id: int, shares: Mapping[PauseReason, Share]) -> int | None:
    """Id of the last bounce up to which that step would suppress; None when it would suppress none.

    `shares`: as just counted.
    """
    share = shares[PauseReason.BOUNCE_RATE]
    if share.answered < bounce_limits.ENOUGH or not (share.after or share.number > staging.HELD_BACK):
        return None  # too few, without asking for them
    upto = staging.behind_the_newest(campaign_id)
    return upto if upto and staging.has_staged(campaign_id, upto=upto) else None


def judge_cancelled(campaign_id: int, *, now: datetime) -> None:
    """Judge what a cancelled campaign has staged. Only for ids in `staging.cancelled`."""
    _judge(campaign_id, bounce_finding.look(campaign_id, is_over=True), now=now)


def judge_late(campaign_id: int, *, now: datetime) -> bool:
    """Judge what bounces that came back after the end have staged; True unless they are too many.

    Those stay staged: an operator decides, by undoing or applying them.
    """
    if not staging.has_staged(campaign_id):
        return True
    finding = bounce_finding.look(campaign_id, is_over=True)
    if finding.bad is not None:
        return False
    staging.apply(campaign_id, now=now)
    return True


def _judge(campaign_id: int, finding: Finding, *, now: datetime) -> None:
    """Apply or drop what a campaign that is over has staged."""
    if not staging.has_staged(campaign_id):
        return
    if finding.bad is not None:
        staging.drop(campaign_id, now=now)
        return
    if finding.total.answered < bounce_limits.ENOUGH:  # too few to confirm those before the brake
        staging.drop(campaign_id, upto=finding.total.after, now=now)
    staging.drop_once(campaign_id, at=_silent(campaign_id), now=now)
    staging.apply(campaign_id, now=now)


def _silent(campaign_id: int) -> list[str]:
    return [each.key for each in silent_domains.of(campaign_id)]
