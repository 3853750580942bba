"""What is on which connection, and how long each receiver takes to answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

BRISK = 0.1  # of what is slow: a receiver that answers within it may have more connections
HEAVY_AFTER = 3  # answers


@dataclass(slots=True)
class Run:
    """Answers of a receiver, one after the other, none of which was brisk."""

    since: float
    answers: int = 0
    seconds: float = 0.0  # that they took

    @property
    def answer_s(self) -> float:
        return self.seconds / max(1, self.answers)


class InFlight:
    """Fed with what goes out and what is answered; `slow_s` is the time from which an answer is slow.

    `slow` are receivers that leave a mail unanswered for longer, while others are answered, and `late` the
    keys of those mails. A receiver is proven by a brisk answer, and by any where nobody's is brisk.
    """

    def __init__(self, *, slow_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.slow: set[str] = set()
        self.late: set[int] = set()
        self._slow_s = slow_s
        self._brisk_s = slow_s * BRISK
        self._clock = clock
        self._proven: set[str] = set()
        self._runs: dict[str, Run] = {}
        self._brisk_at = float("-inf")
        self._quick: set[str] = set()
        self._looked = 0.0
        self._answered_at = float("-inf")
        # What each connection carries, oldest first, and since when it waits for that one's answer.
        self._carried: dict[Any, deque[int]] = {}
        self._since: dict[Any, float] = {}
        self._places: dict[int, tuple[Any, str]] = {}
        self._on: dict[str, dict[Any, int]] = {}  # receiver -> connection -> mails on it

    def clear(self) -> None:
        """Nothing is on the wire."""
        for each in (self.slow, self.late, self._quick):
            each.clear()
        for places in (self._carried, self._since, self._places, self._on):
            places.clear()

    def put(self, connection: Any, key: int, group: str) -> None:
        """A mail to that receiver goes out there."""
        keys = self._carried.get(connection)
        if keys is None:
            keys = self._carried[connection] = deque()
        if not keys:
            self._since[connection] = self._clock()
        keys.append(key)
        self._places[key] = (connection, group)
        on = self._on.setdefault(group, {})
        on[connection] = on.get(connection, 0) + 1

    def drop(self, key: int) -> str | None:
        """It is not on the wire any more; the receiver if it was the last one's."""
        if key not in self._places:
            return None
        connection, group = self._places.pop(key)
        self._carried[connection].remove(key)
        on = self._on[group]
        on[connection] -= 1
        if not on[connection]:
            del on[connection]
        return None if on else group

    def answer(self, key: int) -> str | None:
        """It is answered; its receiver, None for a mail that was on no connection."""
        if key not in self._places:
            return None
        connection, group = self._places[key]
        now = self._clock()
        since, self._since[connection] = self._since[connection], now
        self._answered_at = now
        if now - since <= self._slow_s:
            self._quick.add(group)
        elif self._carried[connection][0] == key:
            self._mark_slow(key)
        self._judge(group, since, now)
        self.drop(key)
        return group

    def on(self, group: str) -> Collection[Any]:
        """The connections that carry its mails."""
        return self._on.get(group, ())

    def is_proven(self, group: str) -> bool:
        """Whether it may have more than one connection."""
        return group in self._proven

    def is_heavy(self, group: str) -> bool:
        """Whether it does answer, and takes its time."""
        return group in self._runs and group not in self._proven

    def answer_s(self, group: str) -> float:
        """How long a heavy one takes for an answer."""
        run = self._runs.get(group)
        return run.answer_s if run else 0.0

    def last_on(self, connection: Any) -> str | None:
        """Whose mail went out there last, if it is not answered."""
        keys = self._carried.get(connection)
        return self._places[keys[-1]][1] if keys else None

    def is_held_up(self, connections: int) -> bool:
        """Whether some answer is slow in coming, now, while others come or would, if there were mails for them.

        `connections`: how many may be used.
        """
        long_ago = self._clock() - self._slow_s
        late = [self._since[each] < long_ago for each, keys in self._carried.items() if keys]
        if not any(late):
            return False
        if self._answered_at >= long_ago - self._slow_s:
            return True
        return all(late) and len(late) < connections and bool(self._quick)  # who else was asked has answered

    def look(self) -> None:
        """Find those that leave mails unanswered; now and then is enough."""
        now = self._clock()
        if now - self._looked < self._brisk_s:
            return
        self._looked = now
        for connection, keys in self._carried.items():
            if keys and now - self._since[connection] > self._slow_s:
                self._mark_slow(keys[0])

    def _mark_slow(self, key: int) -> None:
        """Unless it is the server that is slow: with everybody, or now and then."""
        group = self._places[key][1]
        if self._quick and group not in self._quick:
            self.late.add(key)
            self.slow.add(group)

    def _judge(self, group: str, since: float, now: float) -> None:
        if now - since <= self._brisk_s:
            self._brisk_at = now
            self._proven.add(group)
            self._runs.pop(group, None)
            return
        run = self._runs.setdefault(group, Run(since))
        run.answers += 1
        run.seconds += now - since
        if self._brisk_at < run.since:  # nobody else is quicker
            self._proven.add(group)
        elif run.answers >= HEAVY_AFTER and now - run.since > self._slow_s:
            self._proven.discard(group)
