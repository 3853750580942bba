"""Whether too many recipients of a campaign bounce, by everything that its lanes have recorded."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.delivery.autopause import bounce_limits
from campaigns.delivery.ledger import silent_domains, since_resumed
from campaigns.delivery.ledger.since_resumed import Share
from campaigns.planning.models import PauseReason


@dataclass(frozen=True, slots=True)
class Finding:
    """`total`: bounces since an operator last resumed it despite them. `bad`: the share that is too high.

    `bad` is None if none is; `is_latest`: it is about the latest answers only. `excuses`: one domain causes
    it, and the rest is fine.
    """

    total: Share
    bad: Share | None = None
    is_latest: bool = False
    excuses: bool = False


def look(
    campaign_id: int, *, total: Share | None = None, is_over: bool = False, latest: bool = False
) -> Finding:
    """Count the bounces of a campaign, or use a `total` that was just counted.

    `is_over`: no recipient waits any more. `latest`: judge the latest answers separately too.
    """
    total = total or since_resumed.shares(campaign_id)[PauseReason.BOUNCE_RATE]
    found = _found(campaign_id, total, None, is_over=is_over, latest=latest)
    if found.bad is None:
        return found
    domain = next(iter(silent_domains.of(campaign_id, after=total.after)), None)
    if domain is None:
        return found
    others = Share(total.number - domain.bounces, total.answered - domain.bounces, total.after)
    if others.answered < bounce_limits.ENOUGH:
        return found
    without = _found(campaign_id, others, domain.key, is_over=is_over, latest=latest)
    return Finding(total, excuses=True) if without.bad is None else found


def _found(campaign_id: int, total: Share, except_at: str | None, *, is_over: bool, latest: bool) -> Finding:
    is_too_many = bounce_limits.is_too_many_at_the_end if is_over else bounce_limits.is_too_many
    is_bad = is_too_many(total.number, total.answered)
    sudden = _sudden(campaign_id, total, except_at) if latest else None
    if sudden is not None and (not is_bad or total.answered >= bounce_limits.FEW_ANSWERS):
        return Finding(total, sudden, is_latest=True)
    return Finding(total, total if is_bad else None)


def _sudden(campaign_id: int, total: Share, except_at: str | None) -> Share | None:
    """The latest bounces, if they are too many for the number of answers among which they came."""
    wanted = [many for many, _few in bounce_limits.LATEST if many <= total.number]
    found = since_resumed.latest_bounces(campaign_id, wanted, after=total.after, except_at=except_at)
    return next((each for each in found if bounce_limits.is_sudden(each.number, each.answered)), None)
