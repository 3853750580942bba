"""Jobs only say that there is work: they carry ids, may be lost and may run twice. The database holds the state.

What can write to Redis must not be able to run code, so jobs are JSON, only functions named in
JOBS run, and callbacks are refused.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from typing import Any

import redis
from flask import current_app
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from campaigns.core.config import Config

QUEUE = "columba"
NUDGE_KEY = "columba:nudge"
ROOM_KEY = "columba:room"
ROOM_MADE_WITHIN_MS = 3000
JOB_TIMEOUT_S = 900  # a back-stop: every job of ours stops itself long before
FAILURE_TTL_S = 3600
SOCKET_TIMEOUT_S = 5

# Every function a worker may run. A test asks that each exists and is enqueued somewhere.
JOBS = frozenset(
    {
        "campaigns.audience.jobs.run_import",
        "campaigns.delivery.jobs.look_up_receivers",
        "campaigns.delivery.jobs.probe",
        "campaigns.delivery.jobs.release_receiver",
        "campaigns.delivery.jobs.send",
        "campaigns.notices.jobs.send_notice",
    }
)


# Set in a work horse when its worker was asked to stop: long jobs look at it between two steps.
leaving = threading.Event()


class RefusedJob(Exception):
    """A job in Redis asks for something that is none of ours."""


class SafeJob(Job):
    """A job that can only call a function named in JOBS, and brings no callbacks."""

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        callbacks = (self._success_callback_name, self._failure_callback_name, self._stopped_callback_name)
        if any(callbacks) or self.webhooks:
            raise RefusedJob("a job with callbacks or webhooks")

    @property
    def func(self) -> Callable[..., Any] | None:
        if self.func_name not in JOBS or self._instance:
            raise RefusedJob(f"a job that calls {self.func_name!r}")
        return super().func


def connect(url: str, **options: Any) -> redis.Redis:
    """A Redis client for the URL; `unix://` is a socket path."""
    options.setdefault("socket_connect_timeout", SOCKET_TIMEOUT_S)
    options.setdefault("socket_timeout", SOCKET_TIMEOUT_S)
    if not url.startswith("unix://"):
        options.setdefault("socket_keepalive", True)
    return redis.Redis.from_url(url, **options)


def init_app(app: Any, config: Config) -> None:
    """Keep one lazy Redis client for the app; nothing connects before it is used."""
    app.extensions["redis"] = connect(config.redis_url)


def client() -> redis.Redis:
    """The app's Redis client."""
    connection: redis.Redis = current_app.extensions["redis"]
    return connection


def queue(connection: redis.Redis | None = None) -> Queue:
    """The one queue; every worker serves it."""
    return Queue(QUEUE, connection=connection or client(), serializer=JSONSerializer, job_class=SafeJob)


def enqueue(job: str, *ids: int | str) -> bool:
    """Ask a worker to run a job named in JOBS; False when Redis is away (the dispatcher asks again).

    Call it after the commit: a worker may be quicker than the transaction.
    """
    if job not in JOBS:
        raise RefusedJob(job)
    words = "-".join(map(str, (job.removeprefix("campaigns."), *ids)))
    try:
        queue().enqueue_call(
            job,
            args=list(ids),
            job_id=f"{re.sub('[^A-Za-z0-9_]', '-', words)}-{secrets.token_hex(4)}",
            timeout=JOB_TIMEOUT_S,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
        )
    except (RedisError, OSError) as error:
        current_app.logger.warning("Redis is away, the dispatcher will ask again: %s", error)
        return False
    return True


def waiting(job: str, *, other: bool = False, most: int = 500) -> int:
    """How many hints for this job wait (or for all others); 0 when Redis is away."""
    name = job.removeprefix("campaigns.").replace(".", "-")
    try:
        ids: Any = client().lrange(f"rq:queue:{QUEUE}", 0, most)
    except (RedisError, OSError):
        return 0
    return sum(1 for job_id in ids if job_id.decode().startswith(name) is not other)


def is_first_to_make_room() -> bool:
    """Whether nobody else has said within the last seconds that it makes room for a job that waits."""
    try:
        return bool(client().set(ROOM_KEY, 1, nx=True, px=ROOM_MADE_WITHIN_MS))
    except (RedisError, OSError):
        return False


def eviction_policy() -> str | None:
    """How Redis makes room when it is full, if that may cost us hints; None when it refuses instead, or won't say."""
    try:
        found = client().config_get("maxmemory-policy")
    except (RedisError, OSError):  # it is away, or a hosted one that lets nobody look
        return None
    policy = str(found.get("maxmemory-policy", "noeviction"))
    return None if policy == "noeviction" else policy


def nudge() -> None:
    """Wake the dispatcher now instead of at its next tick; a lost nudge costs seconds."""
    try:
        connection = client()
        connection.lpush(NUDGE_KEY, 1)
        connection.ltrim(NUDGE_KEY, 0, 0)
    except (RedisError, OSError) as error:
        current_app.logger.warning("Redis is away, the dispatcher looks by itself: %s", error)
