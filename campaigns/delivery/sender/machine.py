"""What a lane runs on: clocks, threads, an event loop, connections, signals. A simulation replaces it."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from campaigns.core import clock
from campaigns.mail.connection import Connection


def two_threads() -> Executor:
    """Two threads: one for the turn under way, one to look at what other lanes do."""
    return ThreadPoolExecutor(2, thread_name_prefix="lane")


@contextmanager
def deferred_signals() -> Iterator[Callable[[], bool]]:
    """Defer signals that would end a worker's job; yields a function that tells whether one has come.

    An exception raised by a handler is lost in the event loop, and a process that ends at once leaves
    messages in doubt.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield lambda: False
        return
    before: dict[int, Any] = {
        each: signal.signal(each, lambda number, _: came.append(number)) for each in _ASKING
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)


_ASKING = (signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1)


@dataclass(frozen=True, slots=True)
class Machine:
    """The real machine. `boot_s` and `tick_s` count seconds; `sleep` blocks the thread for some seconds.

    `threads`: for work that waits for the database; `connect`: makes a connection to a server, not opened
    yet.
    """

    boot_s: Callable[[], float] = clock.boot_seconds
    tick_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    threads: Callable[[], Executor] = two_threads
    connect: Callable[..., Connection] = Connection
