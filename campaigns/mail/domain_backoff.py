"""How long a receiver that has trouble with our mail is left alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SUSPENDED_AT = 3  # troubles
WITHIN = timedelta(minutes=10)
FIRST = timedelta(minutes=5)
AT_LEAST_WHEN_TOLD = timedelta(hours=1)  # the receiver itself has said that it has enough of us
LONGEST = timedelta(hours=4)
FORGOTTEN_AFTER = timedelta(hours=8)  # without a mail to it since the last suspension


@dataclass(frozen=True, slots=True)
class Condition:
    """A receiver in trouble: how often since when, how long it was last suspended, and until when."""

    troubles: int
    since: datetime
    backoff: timedelta = timedelta(0)
    next_at: datetime | None = None

    def is_suspended(self, now: datetime) -> bool:
        """Whether its mails wait."""
        return self.next_at is not None and self.next_at > now

    def is_on_trial(self, now: datetime) -> bool:
        """Whether it was suspended and a few mails have to show first that it takes them again."""
        return self.next_at is not None and self.next_at <= now


def after(
    before: Condition | None, *, troubles: int, accepted: int, is_told: bool, now: datetime
) -> Condition | None:
    """The condition after so many troubles and accepted mails; None when all is well.

    One receiver takes most and has trouble with some mailboxes: that is well. `is_told`: it said so itself.
    """
    if not troubles:
        return None if accepted else before
    if accepted > troubles and not is_told:
        return None
    if before is not None and before.is_suspended(now):
        return before  # answers to mails that were on their way
    known = before if before is not None and not _is_forgotten(before, now) else Condition(0, now)
    found = replace(known, troubles=known.troubles + troubles)
    if not (is_told or known.is_on_trial(now) or found.troubles >= SUSPENDED_AT):
        return found
    backoff = min(LONGEST, max(FIRST, known.backoff * 2, AT_LEAST_WHEN_TOLD if is_told else FIRST))
    return replace(found, backoff=backoff, next_at=now + backoff)


def _is_forgotten(condition: Condition, now: datetime) -> bool:
    if condition.next_at is None:
        return now - condition.since > WITHIN
    return now - condition.next_at > FORGOTTEN_AFTER
