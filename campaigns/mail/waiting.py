"""Envelopes that wait for a connection, and which of them goes next."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from campaigns.mail.envelope import Envelope, Result


class Waiting:
    """First come, first served. A subclass may choose otherwise: the pool asks nothing but these methods.

    Its length is the number of envelopes that `take` may give out now.
    """

    def __init__(self) -> None:
        self._queue: deque[Envelope] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def begin(self) -> None:
        """Nothing waits and nothing is on the wire: a new `send` begins."""
        self._queue.clear()

    def add(self, envelopes: Iterable[Envelope]) -> None:
        """These wait behind the others."""
        self._queue.extend(envelopes)

    def take(self, connection: object, connections: int) -> Envelope | None:
        """The next one for this of so many connections, None when it may carry no more now."""
        del connection, connections
        return self._queue.popleft() if self._queue else None

    def put_back(self, envelope: Envelope) -> None:
        """It was taken and not sent: it goes before the others."""
        self._queue.appendleft(envelope)

    def done(self, result: Result) -> None:
        """What became of one of them, before anybody else is told."""

    def withdraw(self, keys: Collection[int] | None = None) -> list[Envelope]:
        """Those of them that wait, whatever for; without `keys` all that do. They wait no more."""
        found, self._queue = split(self._queue, keys)
        return found


def split(
    waiting: Iterable[Envelope], keys: Collection[int] | None
) -> tuple[list[Envelope], deque[Envelope]]:
    """Those of them, without `keys` all, and the others."""
    if keys is None:
        return list(waiting), deque()
    found, others = list[Envelope](), deque[Envelope]()
    for envelope in waiting:
        (found if envelope.key in keys else others).append(envelope)
    return found, others
