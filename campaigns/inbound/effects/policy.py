"""What a verdict leads to, as a table, and when soft bounces are too many. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.inbound.verdicts.verdict import Cause, Kind, Recipient

HALF_LIFE = timedelta(days=30)
SUPPRESSED_AT = 3.0


class Act(StrEnum):
    """What is to be done about one recipient."""

    NOTHING = "nothing"
    SUPPRESS = "suppress"  # the address does not exist
    SCORE = "score"  # it may be temporary: suppressed when it happens again and again
    BOUNCE = "bounce"  # failed for a reason of ours, or for none that is known: the address is kept
    COMPLAIN = "complain"


# How much a bounce for this reason counts towards suppression; a reason that is not here counts nothing.
WEIGHTS = {
    Cause.MAILBOX_FULL: 1.0,
    Cause.DISABLED: 1.5,
    Cause.BAD_DOMAIN: 1.5,
    Cause.BAD_ADDRESS: 1.0,  # not surely: a report of a temporary failure, or without a code
    Cause.TEMPORARY: 0.5,
}
# The sender's own trouble: the recipient is not at fault.
OURS = (Cause.BLOCKED_SENDER, Cause.AUTH_FAILURE, Cause.SPAM_CONTENT)


def act_of(kind: Kind, recipient: Recipient | None) -> Act:
    """What to do about a recipient of a message of this kind."""
    if kind is Kind.COMPLAINT:
        # A report about authentication is about us (RFC 6591); one that it is no spam is none.
        ours = recipient is not None and recipient.reason is not Cause.COMPLAINT
        return Act.NOTHING if ours else Act.COMPLAIN
    if kind is not Kind.BOUNCE or recipient is None:
        return Act.NOTHING
    if recipient.hard:
        return Act.SUPPRESS
    return Act.SCORE if recipient.reason in WEIGHTS else Act.BOUNCE


@dataclass(frozen=True, slots=True)
class Score:
    """How near an address is to being suppressed, as of a moment. It halves every thirty days."""

    value: float
    at: datetime

    def after(self, now: datetime) -> float:
        """The value at another moment; a clock that went back makes it no larger."""
        passed = max(timedelta(0), now - self.at)
        return self.value * 0.5 ** (passed / HALF_LIFE)

    def plus(self, weight: float, now: datetime) -> Score:
        """The score after another bounce."""
        return Score(self.after(now) + weight, max(now, self.at))

    @property
    def is_too_high(self) -> bool:
        return self.value >= SUPPRESSED_AT
