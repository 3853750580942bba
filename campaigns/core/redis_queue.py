"""The queue in Redis and RQ. Importing both takes a fifth of a command's time, so `core.queue` does it when needed.

Access to Redis must not suffice to run code: jobs are JSON, only functions in JOBS run, and callbacks are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from campaigns.core.jobs import JOBS, QUEUE, RefusedJob

SOCKET_TIMEOUT_S = 5


class SafeJob(Job):
    """A job that can only call a function in JOBS, without callbacks. Others raise RefusedJob."""

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
    """A Redis client for the URL; `unix://` precedes a socket path."""
    options.setdefault("socket_connect_timeout", SOCKET_TIMEOUT_S)
    options.setdefault("socket_timeout", SOCKET_TIMEOUT_S)
    # Sends no CLIENT SETINFO: Redis 7.0 does not know it, and accepts no ACL that names it.
    options.setdefault("driver_info", None)
    if not url.startswith("unix://"):
        options.setdefault("socket_keepalive", True)
    return redis.Redis.from_url(url, **options)


def queue(connection: redis.Redis, name: str = QUEUE) -> Queue:
    """The queue with this name; a worker serves one."""
    return Queue(name, connection=connection, serializer=JSONSerializer, job_class=SafeJob)
