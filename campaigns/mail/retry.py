"""Retry times: doubling waits with jitter, until the horizon (RFC 5321 section 4.5.4.1)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(seconds=4000)
JITTER = 0.2
SHORTEST_HORIZON = timedelta(hours=1)
LONGEST_HORIZON = timedelta(days=5)


def next_attempt(
    attempts: int,
    *,
    now: datetime,
    first_attempt_at: datetime,
    horizon: timedelta,
    is_greylisted: bool = False,
    rand: Callable[[], float] = random.random,
) -> datetime | None:
    """The time (UTC) of the next attempt after `attempts` (>= 1) failed; None when the horizon has passed.

    After greylisting it is never earlier than the usual wait: jitter only adds.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 10))
    jitter = rand() if is_greylisted else 2 * rand() - 1
    due = now + wait * (1 + JITTER * jitter)
    return due if due <= first_attempt_at + horizon else None
