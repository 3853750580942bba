"""Limits how much one network may have recorded. Requests beyond that are still answered."""

from __future__ import annotations

import time
from threading import Lock

from campaigns.tracking import networks

PER_SECOND = 50
MOST_NETWORKS = 50_000  # counted within a second

_lock = Lock()
_second = 0
_counts: dict[str, int] = {}


def is_within(ip: str, *, now_s: float | None = None) -> bool:
    """Whether the address's network has had fewer than 50 records in this second; counts this one."""
    global _second
    second = int(time.monotonic() if now_s is None else now_s)
    network = networks.without_person(ip)
    with _lock:
        if second != _second:
            _second = second
            _counts.clear()
        asked = _counts.get(network, 0)
        if asked >= PER_SECOND or (not asked and len(_counts) >= MOST_NETWORKS):
            return False
        _counts[network] = asked + 1
        return True
