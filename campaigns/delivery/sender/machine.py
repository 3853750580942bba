"""What a lane runs on: clocks, threads, an event loop, connections. A simulation brings its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import uvloop

from campaigns.mail.connection import Connection


def boot_seconds() -> float:
    """Seconds that go on while the machine sleeps: a lease ends also for who was frozen."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def two_threads() -> Executor:
    """One for the turn under way, one for the looks at what other lanes do."""
    return ThreadPoolExecutor(2, thread_name_prefix="lane")


@dataclass(frozen=True, slots=True)
class Machine:
    """The real one. `boot_s` and `tick_s` count seconds, `sleep` stops the whole thread for some.

    `threads` are for work that waits for the database; `connect` makes a connection to a server, not open yet.
    """

    boot_s: Callable[[], float] = boot_seconds
    tick_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    threads: Callable[[], Executor] = two_threads
    connect: Callable[..., Connection] = Connection
