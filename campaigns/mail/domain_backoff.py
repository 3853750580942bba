"""How long to pause for a receiver that has trouble with our mail. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SUSPENDED_AT = 3  # troubles
WITHIN = timedelta(minutes=10)
FIRST = timedelta(minutes=5)
AT_LEAST_WHEN_TOLD = timedelta(hours=1)  # the receiver said itself that we send too much
LONGEST = timedelta(hours=4)
FORGOTTEN_AFTER = timedelta(hours=8)  # without a message to it since the last suspension


@dataclass(frozen=True, slots=True)
class Condition:
    """A receiver in trouble: how often and since when, the length of the last suspension, and its end."""

    troubles: int
    since: datetime
    backoff: timedelta = timedelta(0)
    next_at: datetime | None = None

    def is_suspended(self, now: datetime) -> bool:
        """Whether its messages wait."""
        return self.next_at is not None and self.next_at > now

    def is_on_trial(self, now: datetime) -> bool:
        """Whether its suspension is over and a few messages have to test it first."""
        return self.next_at is not None and self.next_at <= now


def after(
    before: Condition | None, *, troubles: int, accepted: int, is_told: bool, now: datetime
) -> Condition | None:
    """The condition after that many troubles and accepted messages; None when all is well.

    A receiver that accepts most messages and has trouble with a few mailboxes is well. `is_told`: the
    receiver said it itself.
    """
    if not troubles:
        return None if accepted else before
    if accepted > troubles and not is_told:
        return None
    if before is not None and before.is_suspended(now):
        return before  # answers to messages that were already under way
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
