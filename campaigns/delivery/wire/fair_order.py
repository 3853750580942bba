"""Which message of a lane goes next: a receiver that answers slowly delays no other.

Its messages use at most half of the connections while others wait, and only one until it has shown that it
answers. Messages that find no connection are put aside or deferred; once a receiver clearly leaves messages
unanswered, the rest of its messages are skipped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from campaigns.delivery.wire.in_flight import InFlight
from campaigns.mail.smtp import Envelope, Outcome, Result
from campaigns.mail.waiting import Waiting, split

SLOW_S = 5.0  # for one answer
LOOKS_AHEAD = 16  # messages
MOST_ASIDE = 256  # messages
MANY = 4  # messages to one receiver: worth waiting for its first answer


class FairOrder(Waiting):
    """`group_of` gives the receiver of a message; `late`: keys of messages whose answer took too long.

    `on_skip` is called with the key of a message that leaves the pool unsent, and the seconds after which it
    may be tried; None when its receiver leaves messages unanswered.
    """

    def __init__(
        self,
        *,
        group_of: Callable[[int], str],
        on_skip: Callable[[int, float | None], None],
        slow_s: float = SLOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._group_of = group_of
        self._skip = on_skip
        self._in_flight = InFlight(slow_s=slow_s, clock=clock)
        self._aside: dict[str, list[Envelope]] = {}  # until their receiver has answered its earlier messages
        self._put_off: dict[str, int] = {}  # number of messages, by receiver
        self._groups: Counter[str] = Counter()  # messages since the wire was last idle
        self._connections = 1
        self._is_finishing = False

    @property
    def late(self) -> set[int]:
        return self._in_flight.late

    @property
    def is_held_up(self) -> bool:
        """Whether an answer takes too long while other connections could be used."""
        return self._in_flight.is_held_up(self._connections)

    def leave_out(self, group: str) -> None:
        """Skip the receiver's waiting messages: it accepts none of ours for now."""
        self._in_flight.slow.add(group)

    def finish(self) -> None:
        """No more messages for now: slow receivers may use all connections once the others are done."""
        self._in_flight.look()
        for group in [each for each in self._aside if each in self._in_flight.slow]:
            self._bring_back(group)
        self._is_finishing = not self._queue and all(self._in_flight.is_heavy(each) for each in self._aside)
        for group in list(self._aside) if self._is_finishing else ():
            self._bring_back(group)

    def left_aside(self) -> list[Envelope]:
        """Removes and returns the messages that wait for slow receivers: there is no time left for them."""
        aside = [envelope for some in self._aside.values() for envelope in some]
        self._aside.clear()
        self._is_finishing = False
        return aside

    # -- for the pool

    def begin(self) -> None:
        super().begin()
        self._in_flight.clear()
        self._groups.clear()
        self._aside.clear()

    def add(self, envelopes: Iterable[Envelope]) -> None:
        added = list(envelopes)
        super().add(added)
        self._is_finishing = False
        self._groups.update(self._group_of(each.key) for each in added)

    def take(self, connection: object, connections: int) -> Envelope | None:
        self._connections = connections
        if self._must_be_last(self._in_flight.last_on(connection)):
            return None
        if len(self._groups) > 1 or self._in_flight.slow:
            self._let_others_pass(connection)
        envelope = super().take(connection, connections)
        if envelope is not None and len(self._groups) > 1:
            self._in_flight.put(connection, envelope.key, self._group_of(envelope.key))
        return envelope

    def put_back(self, envelope: Envelope) -> None:
        group = self._in_flight.drop(envelope.key)
        super().put_back(envelope)
        if group in self._aside:
            self._bring_back(group)

    def done(self, result: Result) -> None:
        """Note the receiver of an answer and how long it took."""
        if result.outcome in _UNASKED:
            self._in_flight.drop(result.key)
            return
        group = self._in_flight.answer(result.key)
        if group in self._aside and (self._in_flight.is_proven(group) or not self._in_flight.on(group)):
            self._bring_back(group)

    def withdraw(self, keys: Collection[int] | None = None) -> list[Envelope]:
        withdrawn = super().withdraw(keys)
        for group, aside in list(self._aside.items()):
            found, others = split(aside, keys)
            withdrawn += found
            if others:
                self._aside[group] = list(others)
            else:
                del self._aside[group]
        return withdrawn

    # -- choosing

    def _let_others_pass(self, connection: object) -> None:
        """Move a message to the front whose receiver is neither slow nor on too many connections."""
        self._in_flight.look()
        passed = 0
        while self._queue:
            group = self._group_of(self._queue[0].key)
            if group in self._in_flight.slow:
                self._skip(self._queue.popleft().key, None)
            elif self._must_wait(group, connection):
                self._put_aside(group, self._queue.popleft())
            elif passed < min(LOOKS_AHEAD, len(self._queue)) and self._is_crowded(group, connection):
                self._queue.rotate(-1)
                passed += 1
            else:
                return

    def _must_be_last(self, group: str | None) -> bool:
        """Whether no message may follow on the same connection, because it might wait for this one."""
        if group is None or self._in_flight.is_proven(group) or self._connections == 1:
            return False
        return self._groups[group] >= MANY or self._in_flight.is_heavy(group)

    def _must_wait(self, group: str, connection: object) -> bool:
        """Whether the receiver, unproven, already uses the connections that it may use."""
        on = self._in_flight.on(group)
        if not on or self._in_flight.is_proven(group) or self._connections == 1:
            return False
        if self._in_flight.is_heavy(group):
            return not self._is_finishing
        return connection not in on

    def _is_crowded(self, group: str, connection: object) -> bool:
        on = self._in_flight.on(group)
        return connection not in on and len(on) >= max(1, self._connections // 2) and self._connections > 1

    def _put_aside(self, group: str, envelope: Envelope) -> None:
        aside = self._aside.setdefault(group, [])
        if len(aside) < MOST_ASIDE // max(1, len(self._aside) - 1):
            aside.append(envelope)
            return
        before = self._put_off[group] = self._put_off.get(group, 0) + 1
        self._skip(envelope.key, before * self._in_flight.answer_s(group))

    def _bring_back(self, group: str) -> None:
        """Queue what was put aside, or skip it if the receiver is slow."""
        aside = self._aside.pop(group, [])
        if group not in self._in_flight.slow:
            self._queue.extendleft(reversed(aside))
            return
        for envelope in aside:
            self._skip(envelope.key, None)


_UNASKED = (Outcome.NOT_SENT, Outcome.HELD_BACK)  # no reply to these
