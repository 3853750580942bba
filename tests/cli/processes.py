"""What processes without pages have no need of, and how tests look after processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


# What only pages, forms and migrations need: a quarter of a worker's memory.
NOT_NEEDED = {"alembic", "flask_migrate", "flask_login", "flask_limiter", "flask_wtf", "wtforms"}


def wait_until(claim: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
