"""A bound on the processor time of a piece of work, which also stops a pattern in the middle of its text."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTime(AssertionError):
    """The work took longer than it may."""


@contextmanager
def at_most_cpu_s(seconds: float) -> Iterator[None]:
    """Raise OutOfTime when what is done in here takes more of the processor, however busy the machine is."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTime(f"more than {seconds} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
