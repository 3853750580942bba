"""The connections of a lane: a pool that says when a mail goes onto the wire, and can be held back.

A receiver that answers slowly must not hold up everybody else: its mails take at most half of the connections
while others wait, and once it is slow beyond doubt, what is left of them in this window is not sent at all.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from campaigns.mail.smtp import Envelope, Pool, Result, Server

SLOW_S = 5.0  # for one answer
LOOKS_AHEAD = 16  # mails


class Carrier(Pool):
    """`on_take` is called before the first byte of a mail leaves; what is held back gets no result.

    `group_of` names the receiver of a mail; `slow` holds the keys of mails whose answer took too long.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_take: Callable[[int], None],
        on_result: Callable[[Result], None],
        may_finish: Callable[[], bool],
        group_of: Callable[[int], str] = lambda _key: "",
        slow_s: float = SLOW_S,
    ) -> None:
        super().__init__(server, on_result=self._answered, may_finish=may_finish)
        self.slow: set[int] = set()
        self._tell = on_result
        self._on_take = on_take
        self._group_of = group_of
        self._slow_s = slow_s
        self._is_held = False
        self._slow_groups: set[str] = set()
        self._quick_groups: set[str] = set()
        self._is_mixed = False  # whether there is more than one receiver in this window
        self._looked = 0.0
        # What each connection carries, oldest first, and since when it waits for that one's answer.
        self._carried: dict[Any, deque[int]] = {}
        self._since: dict[Any, float] = {}
        self._places: dict[int, tuple[Any, str]] = {}
        self._on: dict[str, Counter[Any]] = {}  # receiver -> connection -> mails on it

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        window = list(envelopes)
        self._is_mixed = len({self._group_of(each.key) for each in window}) > 1
        await super().send(window)

    def hold(self) -> None:
        """Hand nothing more to the wire; what is on it comes to its end."""
        self._is_held = True

    def release(self) -> None:
        """Let the next `send` begin again."""
        self._is_held = False
        self.slow.clear()
        self._slow_groups.clear()
        self._quick_groups.clear()
        for each in (self._carried, self._since, self._places, self._on):
            each.clear()

    def take(self, connection: Any) -> Envelope | None:
        if self._is_held or not self.may_finish():
            self.waiting.clear()
            return None
        if self._is_mixed:
            self._let_others_pass(connection)
        envelope = super().take(connection)
        if envelope is not None:
            self._note(connection, envelope.key)
            self._on_take(envelope.key)
        return envelope

    def _let_others_pass(self, connection: Any) -> None:
        """Bring a mail to the front whose receiver is neither slow nor on too many connections."""
        self._look_for_slow_ones()
        for _number in range(min(LOOKS_AHEAD, len(self.waiting))):
            group = self._group_of(self.waiting[0].key)
            if group in self._slow_groups:
                self.waiting.popleft()
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
        keys = self._carried.setdefault(connection, deque())
        if not keys:
            self._since[connection] = time.monotonic()
        keys.append(key)
        group = self._group_of(key)
        self._places[key] = (connection, group)
        self._on.setdefault(group, Counter())[connection] += 1

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
