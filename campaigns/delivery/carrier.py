"""The connections of a lane: a pool in which a receiver that answers slowly holds up nobody else.

Its mails take at most half of the connections while others wait, and once it is slow beyond doubt, those that
still wait are skipped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from campaigns.mail.connection import Connection
from campaigns.mail.smtp import Envelope, Pool, Result, Server

SLOW_S = 5.0  # for one answer
LOOKS_AHEAD = 16  # mails


class Carrier(Pool):
    """`group_of` names the receiver of a mail; `slow` holds the keys of mails whose answer took too long.

    `on_take` is told a key before the first byte of a mail leaves; False holds it and all others back.
    `on_skip` is told the key of a mail that is not sent now, because its receiver is slow: neither gets a result.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_take: Callable[[int], bool],
        on_skip: Callable[[int], None],
        on_result: Callable[[Result], None],
        may_finish: Callable[[], bool],
        group_of: Callable[[int], str] = lambda _key: "",
        slow_s: float = SLOW_S,
    ) -> None:
        super().__init__(server, on_result=self._answered, may_finish=may_finish)
        self._on_take = on_take
        self.slow: set[int] = set()
        self._tell = on_result
        self._skip = on_skip
        self._group_of = group_of
        self._slow_s = slow_s
        self._slow_groups: set[str] = set()
        self._quick_groups: set[str] = set()
        self._groups: set[str] = set()  # since nothing was on the wire
        self._looked = 0.0
        # What each connection carries, oldest first, and since when it waits for that one's answer.
        self._carried: dict[Any, deque[int]] = {}
        self._since: dict[Any, float] = {}
        self._places: dict[int, tuple[Any, str]] = {}
        self._on: dict[str, dict[Any, int]] = {}  # receiver -> connection -> mails on it

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        window = list(envelopes)
        for each in (self.slow, self._slow_groups, self._quick_groups, self._groups):
            each.clear()
        for places in (self._carried, self._since, self._places, self._on):
            places.clear()
        self._groups.update(self._group_of(each.key) for each in window)
        await super().send(window)

    def add(self, envelopes: Sequence[Envelope]) -> bool:
        self._groups.update(self._group_of(each.key) for each in envelopes)
        return super().add(envelopes)

    def take(self, connection: Connection) -> Envelope | None:
        if len(self._groups) > 1:
            self._let_others_pass(connection)
        if self.waiting and not self._on_take(self.waiting[0].key):
            self.waiting.clear()
        envelope = super().take(connection)
        if envelope is not None and len(self._groups) > 1:
            self._note(connection, envelope.key)
        return envelope

    def _let_others_pass(self, connection: Any) -> None:
        """Bring a mail to the front whose receiver is neither slow nor on too many connections."""
        self._look_for_slow_ones()
        for _number in range(min(LOOKS_AHEAD, len(self.waiting))):
            group = self._group_of(self.waiting[0].key)
            if group in self._slow_groups:
                self._skip(self.waiting.popleft().key)
            elif self._is_crowded(group, connection):
                self.waiting.rotate(-1)
            else:
                return

    def _is_crowded(self, group: str, connection: Any) -> bool:
        on = self._on.get(group, ())
        return connection not in on and len(on) >= max(1, self.connections // 2) and self.connections > 1

    def _look_for_slow_ones(self) -> None:
        now = time.monotonic()
        if now - self._looked < self._slow_s / 10:
            return
        self._looked = now
        for connection, keys in self._carried.items():
            if keys and now - self._since[connection] > self._slow_s:
                self._mark_slow(keys[0])

    def _mark_slow(self, key: int) -> None:
        """Unless it is the server that is slow: with everybody, or now and then."""
        group = self._places[key][1]
        if self._quick_groups and group not in self._quick_groups:
            self.slow.add(key)
            self._slow_groups.add(group)

    def _note(self, connection: Any, key: int) -> None:
        if key in self._places:
            self._forget(key)  # the connection it was on broke
        keys = self._carried.get(connection)
        if keys is None:
            keys = self._carried[connection] = deque()
        if not keys:
            self._since[connection] = time.monotonic()
        keys.append(key)
        group = self._group_of(key)
        self._places[key] = (connection, group)
        on = self._on.setdefault(group, {})
        on[connection] = on.get(connection, 0) + 1

    def _answered(self, result: Result) -> None:
        """Note whose answer it was and how long it took, then pass it on."""
        if result.key in self._places:
            self._account(result.key)
        self._tell(result)

    def _account(self, key: int) -> None:
        connection, group = self._places[key]
        now = time.monotonic()
        keys = self._carried[connection]
        if now - self._since[connection] <= self._slow_s:
            self._quick_groups.add(group)
        elif keys[0] == key:
            self._mark_slow(key)
        self._since[connection] = now
        self._forget(key)

    def _forget(self, key: int) -> None:
        connection, group = self._places.pop(key)
        self._carried[connection].remove(key)
        self._on[group][connection] -= 1
        if not self._on[group][connection]:
            del self._on[group][connection]
