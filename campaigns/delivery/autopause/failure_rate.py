"""What goes wrong over a whole campaign: too many bounces, doubts, or messages that cannot be composed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from campaigns.core.i18n import _
from campaigns.delivery import services
from campaigns.delivery.autopause import bounce_finding
from campaigns.delivery.autopause.bounce_finding import Finding
from campaigns.delivery.ledger import since_resumed, staging
from campaigns.delivery.ledger.since_resumed import Share
from campaigns.delivery.stored_text import said
from campaigns.planning.models import PauseReason

UNKNOWN_AT_LEAST = 10
UNKNOWN_SHARE = 0.001
UNMADE_OF_AT_LEAST = 200
UNMADE_SHARE = 0.01


def is_much_unmade(unmade: int, seen: int) -> bool:
    """Whether over 1% of the messages could not be composed, among enough to judge."""
    return seen >= UNMADE_OF_AT_LEAST and unmade > UNMADE_SHARE * seen


def check(campaign_id: int, *, now: datetime) -> bool:
    """Pause a campaign if too much went wrong since an operator last resumed it; True if it was paused.

    Counts bounces, doubts and messages that could not be composed, of all lanes: a lane sees only its own.
    """
    shares = since_resumed.shares(campaign_id)
    finding = bounce_finding.look(campaign_id, total=shares[PauseReason.BOUNCE_RATE])
    if stop_for_bounces(campaign_id, finding, now=now):
        return True
    cause = _cause(shares)
    if cause is None:
        return False
    reason, detail = cause
    return services.stop_by_itself(campaign_id, reason=reason, detail=said(detail), now=now)


def is_too_high(campaign_id: int, shares: Mapping[PauseReason, Share]) -> bool:
    """Whether `check` would pause the campaign, of which these shares were just counted. Writes nothing."""
    finding = bounce_finding.look(campaign_id, total=shares[PauseReason.BOUNCE_RATE])
    return finding.bad is not None or _cause(shares) is not None


def stop_for_bounces(campaign_id: int, finding: Finding, *, now: datetime) -> bool:
    """Pause the campaign if too many bounced, stating how many and what to do; True if it was paused."""
    if finding.bad is None:
        return False
    numbers = {"bounced": finding.bad.number, "answered": finding.bad.answered}
    what = (
        _(
            "%(bounced)d of the latest %(answered)d recipients bounced: the server says that their addresses do not "
            "exist.",
            **numbers,
        )
        if finding.is_latest
        else _(
            "%(bounced)d of %(answered)d recipients bounced: the server says that their addresses do not exist.",
            **numbers,
        )
    )
    suppressed = staging.standing(campaign_id).suppressed
    so = (
        _(
            "Their addresses are not suppressed; %(number)d from earlier in this campaign are.",
            number=suppressed,
        )
        if suppressed
        else _("No addresses have been suppressed for this yet.")
    )
    advice = _(
        "Check the server and the list. If the addresses are right, correct the server and undo this campaign's "
        "suppressions. Then resume or cancel."
    )
    detail = " ".join(said(sentence) for sentence in (what, so, advice))
    return services.stop_by_itself(campaign_id, reason=PauseReason.BOUNCE_RATE, detail=detail, now=now)


def _cause(shares: Mapping[PauseReason, Share]) -> tuple[PauseReason, object] | None:
    doubts, unmade = shares[PauseReason.IN_DOUBT], shares[PauseReason.CONTENT]
    if doubts.number > max(UNKNOWN_AT_LEAST, doubts.answered * UNKNOWN_SHARE):
        return PauseReason.IN_DOUBT, _(
            "%(unknown)d emails have an unknown outcome. Check the server, then resume.",
            unknown=doubts.number,
        )
    if is_much_unmade(unmade.number, unmade.answered):
        return PauseReason.CONTENT, _(
            "%(unmade)d of %(answered)d emails could not be rendered. Review the failed recipients, "
            "then resume.",
            unmade=unmade.number,
            answered=unmade.answered,
        )
    return None
