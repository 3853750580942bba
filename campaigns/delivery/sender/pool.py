"""The connections of a lane: a pool in which a receiver that answers slowly holds up nobody else.

Its mails take at most half of the connections while others wait, and one as long as it has not shown that
it answers. What finds no connection is put aside or put off; once a receiver leaves mails unanswered beyond
doubt, those that still wait are skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from campaigns.delivery.sender.in_flight import InFlight
from campaigns.mail.connection import Connection
from campaigns.mail.errors import Lost
from campaigns.mail.smtp import Envelope, Pool, Result, Server

SLOW_S = 5.0  # for one answer
LOOKS_AHEAD = 16  # mails
MOST_ASIDE = 256  # mails
MANY = 4  # mails to a receiver: worth a wait for its first answer


class LanePool(Pool):
    """`group_of` names the receiver of a mail; `late` holds the keys of mails whose answer took too long.

    `on_take` is told a key before the first byte of a mail leaves; False holds it and all others back.
    `on_skip` is told the key of a mail that is not sent now, and in how many seconds its turn may come; None
    when its receiver leaves mails unanswered. Neither gets a result.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_take: Callable[[int], bool],
        on_skip: Callable[[int, float | None], None],
        on_result: Callable[[Result], None],
        may_finish: Callable[[], bool],
        group_of: Callable[[int], str] = lambda _key: "",
        slow_s: float = SLOW_S,
    ) -> None:
        super().__init__(server, on_result=self._answered, may_finish=may_finish)
        self._on_take = on_take
        self._tell = on_result
        self._skip = on_skip
        self._group_of = group_of
        self._wires = InFlight(slow_s=slow_s)
        self._aside: dict[str, list[Envelope]] = {}  # until their receiver has answered what it has
        self._put_off: dict[str, int] = {}  # how many, by receiver
        self._groups: Counter[str] = Counter()  # mails, since nothing was on the wire
        self._is_finishing = False

    @property
    def late(self) -> set[int]:
        return self._wires.late

    @property
    def is_held_up(self) -> bool:
        """Whether a connection waits for an answer that takes too long; others could be used meanwhile."""
        return self._wires.is_held_up

    def leave_out(self, group: str) -> None:
        """Its mails that still wait are skipped: the receiver takes none of ours now."""
        self._wires.slow.add(group)

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        window = list(envelopes)
        self._wires.clear()
        self._groups.clear()
        self._aside.clear()
        self._is_finishing = False
        self._groups.update(self._group_of(each.key) for each in window)
        await super().send(window)

    def add(self, envelopes: Sequence[Envelope]) -> bool:
        self._is_finishing = False
        self._groups.update(self._group_of(each.key) for each in envelopes)
        return super().add(envelopes)

    def finish(self) -> None:
        """Nothing more comes for now: who takes his time may have all connections once the others are out."""
        self._wires.look()
        for group in [each for each in self._aside if each in self._wires.slow]:
            self._bring_back(group)
        self._is_finishing = not self.waiting and all(self._wires.is_heavy(each) for each in self._aside)
        for group in list(self._aside) if self._is_finishing else ():
            self._bring_back(group)

    def left_aside(self) -> list[Envelope]:
        """No time for slow receivers any more: those that wait for one, which are not sent now."""
        self._is_finishing = False
        aside = [envelope for some in self._aside.values() for envelope in some]
        self._aside.clear()
        return aside

    def take(self, connection: Connection) -> Envelope | None:
        if self._must_be_last(self._wires.last_on(connection)):
            return None
        if len(self._groups) > 1 or self._wires.slow:
            self._let_others_pass(connection)
        if self.waiting and not self._on_take(self.waiting[0].key):
            self.waiting.clear()
            self._aside.clear()
        envelope = super().take(connection)
        if envelope is not None and len(self._groups) > 1:
            self._wires.drop(envelope.key)  # the connection it was on broke
            self._wires.put(connection, envelope.key, self._group_of(envelope.key))
        return envelope

    def _let_others_pass(self, connection: Any) -> None:
        """Bring a mail to the front whose receiver is neither slow nor on too many connections."""
        self._wires.look()
        passed = 0
        while self.waiting:
            group = self._group_of(self.waiting[0].key)
            if group in self._wires.slow:
                self._skip(self.waiting.popleft().key, None)
            elif self._must_wait(group, connection):
                self._put_aside(group, self.waiting.popleft())
            elif passed < min(LOOKS_AHEAD, len(self.waiting)) and self._is_crowded(group, connection):
                self.waiting.rotate(-1)
                passed += 1
            else:
                return

    def _must_be_last(self, group: str | None) -> bool:
        """Whether nothing may go out behind its mail, and wait with it."""
        if group is None or self._wires.is_proven(group) or self.connections == 1:
            return False
        return self._groups[group] >= MANY or self._wires.is_heavy(group)

    def _must_wait(self, group: str, connection: Any) -> bool:
        """Whether it has what it may have, as long as it has not shown that it answers."""
        on = self._wires.on(group)
        if not on or self._wires.is_proven(group) or self.connections == 1:
            return False
        if self._wires.is_heavy(group):
            return not self._is_finishing
        return connection not in on

    def _is_crowded(self, group: str, connection: Any) -> bool:
        on = self._wires.on(group)
        return connection not in on and len(on) >= max(1, self.connections // 2) and self.connections > 1

    def _put_aside(self, group: str, envelope: Envelope) -> None:
        aside = self._aside.setdefault(group, [])
        if len(aside) < MOST_ASIDE // max(1, len(self._aside) - 1):
            aside.append(envelope)
            return
        before = self._put_off[group] = self._put_off.get(group, 0) + 1
        self._skip(envelope.key, before * self._wires.answer_s(group))

    def _bring_back(self, group: str) -> None:
        """What was put aside may go, or is skipped."""
        aside = self._aside.pop(group, [])
        if group not in self._wires.slow:
            self.waiting.extendleft(reversed(aside))
            self.spread()
            return
        for envelope in aside:
            self._skip(envelope.key, None)

    def _again(self, envelope: Envelope, error: Lost, *, is_suspect: bool) -> None:
        group = self._wires.drop(envelope.key)
        super()._again(envelope, error, is_suspect=is_suspect)
        if group in self._aside:
            self._bring_back(group)

    def _answered(self, result: Result) -> None:
        """Note whose answer it was and how long it took, then pass it on."""
        group = self._wires.answer(result.key)
        if group in self._aside and (self._wires.is_proven(group) or not self._wires.on(group)):
            self._bring_back(group)
        self._tell(result)
