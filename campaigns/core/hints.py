"""Jobs that the dispatcher enqueues: found without a lock, and not enqueued again while they wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaigns.core import queue
from campaigns.core.db import peek


def hint(job: str, is_needed: Callable[[], bool]) -> None:
    """Enqueue the job if it is needed and none is waiting."""
    if peek(is_needed) and not queue.waiting(job):
        queue.enqueue(job)


def hint_each(job: str, look: Callable[[], Sequence[int]]) -> None:
    """Enqueue the job for each id that `look` returns, unless any of these jobs is still waiting."""
    if not queue.waiting(job):
        queue.enqueue_each(job, peek(look))
