"""How much Python does for something, counted instead of timed: the same on a busy machine.

What a call costs inside is not told: how patterns grow is the matter of `tests/patterns`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable


def calls(do: Callable[[], object]) -> int:
    """Calls and returns of functions, Python's own ones too."""
    found = [0]

    def count(*_: object) -> None:
        found[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(before)
    return found[0]
