"""Takes care of many things in turn, some at each tick, so that no tick takes long however many there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

BUDGET_S = 0.02  # of a tick; at least one thing is done


class Rounds:
    """Remembers when each thing was last done: `go` starts with the one for which that is longest ago."""

    def __init__(self, every_s: float, *, budget_s: float = BUDGET_S) -> None:
        self._every_s = every_s
        self._budget_s = budget_s
        self._seen: dict[int, float] = {}

    def go(self, ids: Iterable[int], work: Callable[[int], object]) -> bool:
        """Do the work for the ids that are due, until the budget is used up; True if some are left."""
        began = time.monotonic()
        known = {each: self._seen.get(each, 0.0) for each in ids}
        self._seen = {each: at for each, at in known.items() if at}
        due = [each for each, at in known.items() if not at or began >= at + self._every_s]
        for number, each in enumerate(sorted(due, key=lambda each: known[each]), start=1):
            self._seen[each] = time.monotonic()
            work(each)
            spent = time.monotonic() - began
            if spent * (number + 1) / number > self._budget_s:  # the next takes about as long as these
                return number < len(due)
        return False
