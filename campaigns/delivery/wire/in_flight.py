"""Tracks which messages are on which connection, and how long each receiver takes to answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

BRISK = 0.1  # fraction of the slow time: a receiver that answers within it may use more connections
HEAVY_AFTER = 3  # answers


@dataclass(slots=True)
class Run:
    """Consecutive answers of a receiver that were all not brisk."""

    since: float
    answers: int = 0
    seconds: float = 0.0  # total time of these answers

    @property
    def answer_s(self) -> float:
        return self.seconds / max(1, self.answers)


class InFlight:
    """Told what is sent and what is answered; an answer that takes longer than `slow_s` seconds is slow.

    `slow`: receivers that leave a message unanswered for longer while others are answered; `late`: keys of
    those messages. A receiver is proven by a brisk answer, or by any answer while no receiver answers
    briskly.
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
        # The messages on each connection, oldest first, and since when its answer is awaited.
        self._carried: dict[Any, deque[int]] = {}
        self._since: dict[Any, float] = {}
        self._places: dict[int, tuple[Any, str]] = {}
        self._on: dict[str, dict[Any, int]] = {}  # receiver -> connection -> number of messages

    def clear(self) -> None:
        """Nothing is on the wire any more."""
        for each in (self.slow, self.late, self._quick):
            each.clear()
        for places in (self._carried, self._since, self._places, self._on):
            places.clear()

    def put(self, connection: Any, key: int, group: str) -> None:
        """A message to that receiver is sent on that connection."""
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
        """Forget a message; returns its receiver if it was the receiver's last one, else None."""
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
        """A message was answered; returns its receiver, None if it was on no connection."""
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
        """The connections with messages to that receiver."""
        return self._on.get(group, ())

    def is_proven(self, group: str) -> bool:
        """Whether the receiver may use more than one connection."""
        return group in self._proven

    def is_heavy(self, group: str) -> bool:
        """Whether the receiver answers, but slowly."""
        return group in self._runs and group not in self._proven

    def answer_s(self, group: str) -> float:
        """Seconds that a slow-answering receiver takes for an answer; 0 for others."""
        run = self._runs.get(group)
        return run.answer_s if run else 0.0

    def last_on(self, connection: Any) -> str | None:
        """The receiver of the last unanswered message on the connection; None without one."""
        keys = self._carried.get(connection)
        return self._places[keys[-1]][1] if keys else None

    def is_held_up(self, connections: int) -> bool:
        """Whether an answer is overdue while others arrive, or would arrive if there were messages for them.

        `connections`: how many may be used.
        """
        long_ago = self._clock() - self._slow_s
        late = [self._since[each] < long_ago for each, keys in self._carried.items() if keys]
        if not any(late):
            return False
        if self._answered_at >= long_ago - self._slow_s:
            return True
        return all(late) and len(late) < connections and bool(self._quick)  # all others have answered

    def look(self) -> None:
        """Find receivers that leave messages unanswered. Cheap enough to call often."""
        now = self._clock()
        if now - self._looked < self._brisk_s:
            return
        self._looked = now
        for connection, keys in self._carried.items():
            if keys and now - self._since[connection] > self._slow_s:
                self._mark_slow(keys[0])

    def _mark_slow(self, key: int) -> None:
        """Mark the receiver, unless the server itself is slow: with everyone, or occasionally."""
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
        if self._brisk_at < run.since:  # no other receiver answers faster
            self._proven.add(group)
        elif run.answers >= HEAVY_AFTER and now - run.since > self._slow_s:
            self._proven.discard(group)
