"""The C library's heap in processes that live long."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)


def one_for_all_threads() -> None:
    """Use one heap for all threads. No effect outside glibc.

    A heap for each thread keeps what the thread has freed, and of ours seldom more than one runs at a time.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
