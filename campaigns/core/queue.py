"""Jobs only say that there is work: they carry ids, may be lost and may run twice. The database holds the state.

Nothing of Redis is loaded before it is asked: most commands never do.
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
JOB_TIMEOUT_S = 900  # a back-stop: every job of ours stops itself long before
FAILURE_TTL_S = 3600

# Set in a work horse when its worker was asked to stop: long jobs look at it between two steps.
leaving = threading.Event()


def client() -> redis.Redis:
    """The app's one Redis client; it connects when it is first used."""
    from campaigns.core import redis_queue  # not before Redis is asked

    kept: dict[str, Any] = current_app.extensions
    if "redis" not in kept:
        kept.setdefault("redis", redis_queue.connect(config.current().redis_url))
    found: redis.Redis = kept["redis"]
    return found


def away() -> tuple[type[Exception], ...]:
    """What a call of the client raises while Redis can't be reached: `except queue.away():`."""
    from redis.exceptions import (
        RedisError,
    )  # not before Redis is asked: Python comes here once something was raised

    return RedisError, OSError


def enqueue(job: str, *ids: int | str) -> bool:
    """Ask a worker to run a job named in JOBS; False when Redis is away (the dispatcher asks again).

    Call it after the commit: a worker may be quicker than the transaction.
    """
    if job not in JOBS:
        raise RefusedJob(job)
    from campaigns.core import redis_queue  # not before Redis is asked

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
    """How many hints for this job wait (or for all others in its queue); 0 when Redis is away."""
    name = job.removeprefix("campaigns.").replace(".", "-")
    try:
        ids: Any = client().lrange(f"rq:queue:{queue_of(job)}", 0, most)
    except away():
        return 0
    return sum(1 for job_id in ids if job_id.decode().startswith(name) is not other)


def is_first_to_make_room() -> bool:
    """Whether nobody else has said within the last seconds that it makes room for a job that waits."""
    try:
        return bool(client().set(ROOM_KEY, 1, nx=True, px=ROOM_MADE_WITHIN_MS))
    except away():
        return False


def eviction_policy() -> str | None:
    """How Redis makes room when it is full, if that may cost us hints; None when it refuses instead, or won't say."""
    try:
        # Not CONFIG GET, which tells passwords too: nobody should be granted it for this.
        found: Any = client().info("memory")
    except away():  # it is away, or lets nobody look
        return None
    policy = str(found.get("maxmemory_policy", "noeviction"))
    return None if policy == "noeviction" else policy


def nudge() -> None:
    """Wake the dispatcher now instead of at its next tick; a lost nudge costs seconds."""
    try:
        connection = client()
        connection.lpush(NUDGE_KEY, 1)
        connection.ltrim(NUDGE_KEY, 0, 0)
    except away() as error:
        current_app.logger.warning("Redis is away, the dispatcher looks by itself: %s", error)
