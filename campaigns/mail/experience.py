"""What a pool learns about its server while it sends; all its connections use it at once.

Little is believed at the first sign, because a lesson outlives its cause: a server that restarts also ends
all connections, and that is not a limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from campaigns.mail.envelope import Server
from campaigns.mail.traits import Observation, Trait, applied

FEWEST = 5  # messages on a connection; a server that ends it earlier has a fault, not a limit
# All three are said: "421 too many messages in this connection", "maximum number of messages per session reached"
_PER_CONNECTION = (
    re.compile(r"\b(too many|max|limit|exceed|reached|enough|only)", re.IGNORECASE),
    re.compile(r"\b(messages?|e?-?mails?|transactions?)\b", re.IGNORECASE),
    re.compile(r"\b(connection|session)\b", re.IGNORECASE),
)
_CROWDED = re.compile(
    r"too many (concurrent |simultaneous |open |parallel |smtp )*(connections|sessions)"
    r"|(max|maximum|limit|exceed).{0,40}\b(connections|sessions)|\b(connections|sessions) (limit|exceed)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Experience:
    """`server`: the server with the lessons applied; `observations`: what it has shown, oldest first."""

    server: Server
    observations: list[Observation] = field(default_factory=list)
    rides_work: bool = False  # an envelope was accepted behind a message's final dot
    chunks_work: bool = False  # a message was accepted by BDAT
    _rides_first: object | None = None  # the connection that tests it
    _chunks_first: object | None = None
    endings: int = 0  # number of connections that the server ended
    _most_in: int = 0  # most connections open at the same time
    _ends: dict[int, int] = field(default_factory=dict)  # number of messages -> the first ending after it
    _break: int | None = None  # the ending that a too large window may have caused

    def learn(self, trait: Trait, number: int = 0, said: str = "") -> None:
        """Apply a lesson from now on; it is recorded only if it changes something."""
        found = applied(self.server, trait, number)
        if found != self.server:
            self.server = found
            self.observations.append(Observation(trait, number, said))

    def may_ride(self, connection: object) -> bool:
        """Whether the next envelope may follow a final dot: tested on one connection first, then on all."""
        if not self.server.rides:
            return False
        if not self.rides_work and self._rides_first is None:
            self._rides_first = connection
        return self.rides_work or self._rides_first is connection

    def may_try_chunks(self, connection: object) -> bool:
        """Whether BDAT may be tested on this connection: on one, while the others do without."""
        if self._chunks_first is None:
            self._chunks_first = connection
        return self.server.chunking and self._chunks_first is connection

    def leave(self, connection: object) -> None:
        """The connection carries no more messages: another may take over its tests."""
        if self._rides_first is connection:
            self._rides_first = None
        if self._chunks_first is connection:
            self._chunks_first = None

    def ended(self, *, opened_after: int, done: int, under_way: int, said: str = "") -> None:
        """The server ended a connection after `done` messages, with `under_way` in flight; `said`: its 421.

        `opened_after`: number of endings before it was opened. Those that end together may share a cause.
        """
        self.endings += 1
        is_told = _is_per_connection(said)
        has_come_again = done > 0 and self._ends.setdefault(done, self.endings) <= opened_after
        if (is_told and (done >= FEWEST or has_come_again)) or (has_come_again and done >= FEWEST):
            self.learn(Trait.MESSAGES, done, said)
        elif under_way > 1 and not said:
            self._broke(opened_after)

    def let_in(self, connections: int) -> None:
        """That many connections are open now."""
        self._most_in = max(self._most_in, connections)

    def refused(self, said: str, *, still_open: int) -> None:
        """The server accepted no further connection, with `still_open` of ours open or being opened.

        One that has just ended may still count there: the limit is at least the number that it had accepted
        before.
        """
        if still_open and _CROWDED.search(said):
            self.learn(Trait.CONNECTIONS, max(still_open, self._most_in), said)

    def dropped_a_chunk(self) -> None:
        """The connection broke at the very first chunk. It may be chance, so it is not stored as a lesson."""
        self.server = applied(self.server, Trait.NO_CHUNKS, 0)

    def _broke(self, opened_after: int) -> None:
        """It ended without a reply, over several messages: if repeated, the window is too large for it."""
        if self._break is None:
            self._break = self.endings
        elif self._break <= opened_after:
            self.learn(Trait.WINDOW, self.server.depth // 2)
            self._break = None


def _is_per_connection(said: str) -> bool:
    return all(each.search(said) for each in _PER_CONNECTION)
