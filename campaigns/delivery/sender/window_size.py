"""The number of messages in a window: what the wire answers in a moment, within a limit of memory."""

from __future__ import annotations

from campaigns.delivery.sender.timing import Terms

FIRST_EACH = 2  # messages for each connection, until the server's speed is known
WINDOW_BYTES = 6 << 20  # two windows of messages are in memory at a time, however large
MEASURED_OVER_S = 0.2  # at least: answers come in bursts
WINDOW_S = 0.4  # seconds that a window should last: a pause takes effect within two


class WindowSize:
    """Asked for each window; told of messages and answers."""

    def __init__(self, terms: Terms) -> None:
        self._most = terms.timing.window
        self._tick_s = terms.machine.tick_s
        self._per_s = 0.0
        self._bytes_each = 1  # of the largest message so far
        self._measured = self._tick_s()
        self._answers = 0  # until then

    def saw_mail(self, size: int) -> None:
        """A message has that many bytes."""
        self._bytes_each = max(self._bytes_each, size)

    def measure(self, answers: int) -> None:
        """`answers`: number since the lane began; measures the speed since the last call."""
        now = self._tick_s()
        if self._per_s and now - self._measured < MEASURED_OVER_S:
            return
        if answers > self._answers:
            self._per_s = (answers - self._answers) / max(1e-4, now - self._measured)
        self._measured, self._answers = now, answers

    def next(self, connections: int) -> int:
        """The size of the next window, for that many connections."""
        if not self._per_s:
            return min(self._most, connections * FIRST_EACH)
        most = min(self._most, WINDOW_BYTES // self._bytes_each)
        return max(connections * 2, min(most, int(self._per_s * WINDOW_S)))
