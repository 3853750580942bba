"""Envelopes that wait for a connection, and which of them goes next."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from campaigns.mail.envelope import Envelope, Result


class Waiting:
    """First come, first served. A subclass may choose differently: the pool uses only these methods.

    Its length is the number of envelopes that `take` may return now.
    """

    def __init__(self) -> None:
        self._queue: deque[Envelope] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def begin(self) -> None:
        """A new `send` begins: nothing waits and nothing is on the wire."""
        self._queue.clear()

    def add(self, envelopes: Iterable[Envelope]) -> None:
        """Add envelopes behind the others."""
        self._queue.extend(envelopes)

    def take(self, connection: object, connections: int) -> Envelope | None:
        """The next one for this connection, out of `connections`; None when it may carry no more now."""
        del connection, connections
        return self._queue.popleft() if self._queue else None

    def put_back(self, envelope: Envelope) -> None:
        """It was taken and not sent: it goes before the others."""
        self._queue.appendleft(envelope)

    def done(self, result: Result) -> None:
        """The result of one of them, before anyone else gets it."""

    def withdraw(self, keys: Collection[int] | None = None) -> list[Envelope]:
        """Remove and return those that wait, all without `keys`."""
        found, self._queue = split(self._queue, keys)
        return found


def split(
    waiting: Iterable[Envelope], keys: Collection[int] | None
) -> tuple[list[Envelope], deque[Envelope]]:
    """Splits them: those with these keys (all without `keys`), and the others."""
    if keys is None:
        return list(waiting), deque()
    found, others = list[Envelope](), deque[Envelope]()
    for envelope in waiting:
        (found if envelope.key in keys else others).append(envelope)
    return found, others
