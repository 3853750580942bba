"""How many mails a window should have: what the wire answers within a moment, and no more than memory takes."""

from __future__ import annotations

from campaigns.delivery.sender.machine import Machine

FIRST_WINDOW = 50
WINDOW_BYTES = 6 << 20  # two windows of mails are in memory at a time, however large the mails
WINDOW_S = 0.4  # what a window should last: a pause takes effect within two of them


class WindowSize:
    """`most` mails at most."""

    def __init__(self, most: int, machine: Machine) -> None:
        self._most = most
        self._tick_s = machine.tick_s
        self._per_s = 0.0
        self._bytes_each = 1  # of the largest mail so far
        self._measured = self._tick_s()
        self._answers = 0  # until then

    def saw_mail(self, size: int) -> None:
        """A mail of so many bytes."""
        self._bytes_each = max(self._bytes_each, size)

    def measure(self, answers: int) -> None:
        """So many answers have come since the lane began: how fast was it since the last time?"""
        now = self._tick_s()
        if answers > self._answers:
            self._per_s = (answers - self._answers) / max(1e-4, now - self._measured)
        self._measured, self._answers = now, answers

    def next(self, connections: int) -> int:
        """For a server with so many connections."""
        if not self._per_s:
            return min(FIRST_WINDOW, self._most)
        most = min(self._most, WINDOW_BYTES // self._bytes_each)
        return max(connections * 2, min(most, int(self._per_s * WINDOW_S)))
