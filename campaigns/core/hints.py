"""What the dispatcher asks workers for: found by a look that takes no lock, and asked for once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaigns.core import queue
from campaigns.core.db import peek


def hint(job: str, is_needed: Callable[[], bool]) -> None:
    """Enqueue the job if it is needed, unless one waits."""
    if peek(is_needed) and not queue.waiting(job):
        queue.enqueue(job)


def hint_each(job: str, look: Callable[[], Sequence[int]]) -> None:
    """Enqueue the job for each id that the look finds, unless some of them wait still."""
    if not queue.waiting(job):
        queue.enqueue_each(job, peek(look))
