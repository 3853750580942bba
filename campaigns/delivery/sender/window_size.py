"""How many mails a window should have: what the wire answers within a moment, and no more than memory takes."""

from __future__ import annotations

from campaigns.delivery.sender.timing import Terms

FIRST_EACH = 2  # mails for each connection, as long as nobody knows how fast the server is
WINDOW_BYTES = 6 << 20  # two windows of mails are in memory at a time, however large the mails
WINDOW_S = 0.4  # what a window should last: a pause takes effect within two of them


class WindowSize:
    """Asked for each window, told of mails and answers."""

    def __init__(self, terms: Terms) -> None:
        self._most = terms.timing.window
        self._tick_s = terms.machine.tick_s
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
            return min(self._most, connections * FIRST_EACH)
        most = min(self._most, WINDOW_BYTES // self._bytes_each)
        return max(connections * 2, min(most, int(self._per_s * WINDOW_S)))
