"""What a pool finds out about its server while it sends; all of its connections act on it at once.

Little is believed at the first sign, because a lesson outlives the trouble that taught it: a server that is
restarted ends all connections, too, and none of that is a limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from campaigns.mail.envelope import Server
from campaigns.mail.traits import Observation, Trait, applied

FEWEST = 5  # messages on a connection; who ends it earlier is ill and has no limit
# "421 too many messages in this connection", "maximum number of messages per session reached"
_PER_CONNECTION = re.compile(
    r"(?=.*\b(too many|max|limit|exceed|reached|enough|only))(?=.*\b(messages?|e?-?mails?|transactions?)\b)"
    r".*\b(connection|session)\b",
    re.IGNORECASE | re.DOTALL,
)
_CROWDED = re.compile(
    r"too many (concurrent |simultaneous |open |parallel |smtp )*(connections|sessions)"
    r"|(max|maximum|limit|exceed).{0,40}\b(connections|sessions)|\b(connections|sessions) (limit|exceed)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Experience:
    """`server` is how it is spoken to by now; `observations` what it has shown, oldest first."""

    server: Server
    observations: list[Observation] = field(default_factory=list)
    rides_work: bool = False  # an envelope was taken behind a message's final dot
    chunks_work: bool = False  # a message was taken by BDAT
    _rides_first: object | None = None  # the connection that tries it out
    _chunks_first: object | None = None
    endings: int = 0  # of connections that the server ended
    _most_in: int = 0  # connections that stood at the same time
    _ends: dict[int, int] = field(default_factory=dict)  # after so many messages -> the first such ending
    _break: int | None = None  # the ending that may have been for too large a window

    def learn(self, trait: Trait, number: int = 0, said: str = "") -> None:
        """Act on it from now on; what changes nothing is no news."""
        found = applied(self.server, trait, number)
        if found != self.server:
            self.server = found
            self.observations.append(Observation(trait, number, said))

    def may_ride(self, connection: object) -> bool:
        """Whether the next envelope may go out behind a final dot: on one connection first, then on all."""
        if not self.server.rides:
            return False
        if not self.rides_work and self._rides_first is None:
            self._rides_first = connection
        return self.rides_work or self._rides_first is connection

    def may_try_chunks(self, connection: object) -> bool:
        """Whether BDAT may be tried out there: on one connection, while the others go without."""
        if self._chunks_first is None:
            self._chunks_first = connection
        return self.server.chunking and self._chunks_first is connection

    def leave(self, connection: object) -> None:
        """That connection carries nothing any more: whatever it was to try out, another may."""
        if self._rides_first is connection:
            self._rides_first = None
        if self._chunks_first is connection:
            self._chunks_first = None

    def ended(self, *, opened_after: int, done: int, under_way: int, said: str = "") -> None:
        """The server ended a connection after so many messages, with so many under way; `said`: its 421.

        `opened_after`: so many had ended when it was opened. Those that end together may have one cause.
        """
        self.endings += 1
        is_told = bool(said) and _PER_CONNECTION.search(said) is not None
        has_come_again = done > 0 and self._ends.setdefault(done, self.endings) <= opened_after
        if (is_told and (done >= FEWEST or has_come_again)) or (has_come_again and done >= FEWEST):
            self.learn(Trait.MESSAGES, done, said)
        elif under_way > 1 and not said:
            self._broke(opened_after)

    def let_in(self, connections: int) -> None:
        """That many stand now."""
        self._most_in = max(self._most_in, connections)

    def refused(self, said: str, *, still_open: int) -> None:
        """It let no further connection in, with that many of ours open, or about to be.

        One that has just ended it may still count: it takes at least as many as it has taken before.
        """
        if still_open and _CROWDED.search(said):
            self.learn(Trait.CONNECTIONS, max(still_open, self._most_in), said)

    def dropped_a_chunk(self) -> None:
        """The connection broke as the first of all chunks came. It may be chance: no lesson for others."""
        self.server = applied(self.server, Trait.NO_CHUNKS, 0)

    def _broke(self, opened_after: int) -> None:
        """Without a word, over several messages: when it happens again the window is too large for it."""
        if self._break is None:
            self._break = self.endings
        elif self._break <= opened_after:
            self.learn(Trait.WINDOW, self.server.depth // 2)
            self._break = None
