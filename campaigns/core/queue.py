"""The job queue. Jobs are hints with ids: they may be lost and may run twice. The database holds the state.

The Redis libraries are imported when needed: most commands never use them.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import current_app

from campaigns.core import config
from campaigns.core.jobs import JOBS, RefusedJob, queue_of

if TYPE_CHECKING:
    import redis

NUDGE_KEY = "columba:nudge"
ROOM_KEY = "columba:room"
ROOM_MADE_WITHIN_MS = 3000
JOB_TIMEOUT_S = 900  # a last resort: all jobs end by themselves long before
FAILURE_TTL_S = 3600

# Set in a work horse when its worker was asked to stop. Long jobs check it between two steps.
leaving = threading.Event()


def client() -> redis.Redis:
    """The app's Redis client, created once; it connects at its first use."""
    from campaigns.core import redis_queue  # imported when needed

    kept: dict[str, Any] = current_app.extensions
    if "redis" not in kept:
        kept.setdefault("redis", redis_queue.connect(config.current().redis_url))
    found: redis.Redis = kept["redis"]
    return found


def away() -> tuple[type[Exception], ...]:
    """The errors that the client raises while Redis cannot be reached: `except queue.away():`."""
    from redis.exceptions import (
        RedisError,
    )  # imported when needed: `except` evaluates this only after an error

    return RedisError, OSError


def enqueue(job: str, *ids: int | str) -> bool:
    """Queue a job of JOBS; False if Redis is away, in which case the dispatcher queues it later.

    Call it after the commit: a worker may begin before the transaction ends.
    """
    if job not in JOBS:
        raise RefusedJob(job)
    from campaigns.core import redis_queue  # imported when needed

    words = "-".join(map(str, (job.removeprefix("campaigns."), *ids)))
    try:
        redis_queue.queue(client(), queue_of(job)).enqueue_call(
            job,
            args=list(ids),
            job_id=f"{re.sub('[^A-Za-z0-9_]', '-', words)}-{secrets.token_hex(4)}",
            timeout=JOB_TIMEOUT_S,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
        )
    except away() as error:
        current_app.logger.warning("Redis is away, the dispatcher will ask again: %s", error)
        return False
    return True


def enqueue_each(job: str, ids: Iterable[int]) -> None:
    """The same for each of these ids, as long as Redis answers."""
    for each in ids:
        if not enqueue(job, each):
            return


def waiting(job: str, *, other: bool = False, most: int = 500) -> int:
    """How many entries of this job wait (with `other`, of all other jobs in its queue); 0 if Redis is away.

    Looks at about the first `most` entries of the queue.
    """
    name = job.removeprefix("campaigns.").replace(".", "-")
    try:
        ids: Any = client().lrange(f"rq:queue:{queue_of(job)}", 0, most)
    except away():
        return 0
    return sum(1 for job_id in ids if job_id.decode().startswith(name) is not other)


def is_first_to_make_room() -> bool:
    """Whether no other process has claimed within the last seconds to make room for a waiting job."""
    try:
        return bool(client().set(ROOM_KEY, 1, nx=True, px=ROOM_MADE_WITHIN_MS))
    except away():
        return False


def eviction_policy() -> str | None:
    """Redis's maxmemory policy if it may evict jobs; None if it refuses writes instead, or cannot be asked."""
    try:
        # Not CONFIG GET: it also returns passwords, and should not have to be permitted for this.
        found: Any = client().info("memory")
    except away():  # Redis is away, or the command is not permitted
        return None
    policy = str(found.get("maxmemory_policy", "noeviction"))
    return None if policy == "noeviction" else policy


def nudge() -> None:
    """Wake the dispatcher before its next tick. A lost nudge costs seconds."""
    try:
        connection = client()
        connection.lpush(NUDGE_KEY, 1)
        connection.ltrim(NUDGE_KEY, 0, 0)
    except away() as error:
        current_app.logger.warning("Redis is away, the dispatcher looks by itself: %s", error)
