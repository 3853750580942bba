"""Rate limits, counted in Redis for all web processes, and in memory while Redis is away."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.storage import Storage

SCHEME = "counts"  # prefix of a Redis URL, with a plus

limiter = Limiter(
    key_func=get_remote_address, in_memory_fallback_enabled=True, swallow_errors=True, headers_enabled=False
)


class CountsInRedis(Storage):
    """Counts in fixed windows with plain commands, so that the Redis user needs no permission for scripts.

    The library's own storage uses scripts.
    """

    STORAGE_SCHEME = [f"{SCHEME}+redis", f"{SCHEME}+rediss", f"{SCHEME}+unix"]

    def __init__(self, uri: str, *, wrap_exceptions: bool = False, **options: Any) -> None:
        from campaigns.core import redis_queue  # only when a request is counted

        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._client = redis_queue.connect(uri.removeprefix(f"{SCHEME}+"), **options)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """The errors that calls raise while Redis cannot be reached."""
        from redis.exceptions import RedisError

        return RedisError, OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in the current window and return its count. The first count begins a window of `expiry` seconds."""
        with self._client.pipeline() as steps:
            steps.set(_named(key), 0, ex=expiry, nx=True)
            steps.incrby(_named(key), amount)
            return int(steps.execute()[1])

    def get(self, key: str) -> int:
        """The count of the current window; 0 without one."""
        found: Any = self._client.get(_named(key))
        return int(found or 0)

    def get_expiry(self, key: str) -> float:
        """When the current window ends, in seconds since the epoch; the current time without one."""
        left: Any = self._client.ttl(_named(key))
        return max(int(left), 0) + time.time()

    def check(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._client.ping())
        except self.base_exceptions:
            return False

    def clear(self, key: str) -> None:
        """End the current window."""
        self._client.delete(_named(key))

    def reset(self) -> int | None:
        """Does nothing: windows expire by themselves."""
        return None


def _named(key: str) -> str:
    return f"columba:limits:{key}"


def network() -> str:
    """The client's IPv4 address, or the /64 of its IPv6 address, since one client may use a whole /64."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)
