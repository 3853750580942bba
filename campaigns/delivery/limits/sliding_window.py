"""How many messages may be sent now, under caps per second, minute, hour and day. Pure arithmetic.

Sent messages are counted in short slices of time and dropped once a whole slice is older than the window: so
no stretch of a window's length, wherever it begins, exceeds the cap. What lanes have reserved and not yet
sent (`held`) counts in every window, because it may be sent at any moment.

A clock may be set back. Messages counted too far ahead of it were sent at an unknown time: they count as sent
now, which costs one window's length, however wrong the clock was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Counts = dict[str, dict[str, int]]

# Name, length of the window and of its slices, in seconds.
WINDOWS = (("second", 1.0, 0.05), ("minute", 60.0, 1.0), ("hour", 3600.0, 60.0), ("day", 86400.0, 900.0))
TODAY = "today"
AHEAD_S = 60.0  # clocks of hosts that share counts may differ by this much
SOON_S = 0.1  # until the next look, while lanes have reserved what is left


@dataclass(frozen=True, slots=True)
class Caps:
    """The most messages in any second, minute, hour and day; `today` in the calendar day `today_name`."""

    second: int | None = None
    minute: int | None = None
    hour: int | None = None
    day: int | None = None
    today: int | None = None
    today_name: str = ""
    tomorrow_at: float = math.inf  # when the calendar day ends

    def __bool__(self) -> bool:
        return any(cap is not None for cap in (self.second, self.minute, self.hour, self.day, self.today))

    def of(self, name: str) -> int | None:
        """The cap of the window of that name."""
        cap: int | None = getattr(self, name)
        return cap

    def only(self, name: str) -> Caps:
        """Caps with only that window's cap."""
        one: dict[str, Any] = {name: self.of(name)}
        return Caps(**one)

    @property
    def per_second(self) -> float:
        """Messages a second that the caps per second and minute allow; infinite without them."""
        rates = [
            cap / length for name, length, _piece in WINDOWS[:2] if (cap := getattr(self, name)) is not None
        ]
        return min(rates, default=math.inf)


def charged(counts: Mapping[str, Mapping[str, int]], caps: Caps, number: int, *, at: float) -> Counts:
    """The counts with `number` more messages, sent at `at` (seconds), and without outdated slices."""
    kept: Counts = {}
    for name, length, piece in WINDOWS:
        if caps.of(name) is None:
            continue
        kept[name] = _recent(counts.get(name, {}), length, piece, at)
        if number:
            _add(kept[name], str(math.floor(at / piece)), number)
    if caps.today is not None:
        kept[TODAY] = {caps.today_name: counts.get(TODAY, {}).get(caps.today_name, 0) + number}
    return kept


def free(counts: Mapping[str, Mapping[str, int]], caps: Caps, *, held: int, at: float) -> int:
    """How many more may be sent at `at` (seconds), at least 0. Requires caps."""
    left = [
        cap - sum(_recent(counts.get(name, {}), length, piece, at).values())
        for name, length, piece in WINDOWS
        if (cap := caps.of(name)) is not None
    ]
    if caps.today is not None:
        left.append(caps.today - used_today(counts, caps))
    return max(0, min(left) - held) if left else 0


def free_at(counts: Mapping[str, Mapping[str, int]], caps: Caps, *, held: int, at: float) -> float:
    """The next moment (seconds) worth asking again at: `at` itself when something is free.

    If only reservations of lanes use it up, that is a moment from now. Counts from ahead of the clock are
    worth asking about at once: the caller then stores them as sent now (`charged`).
    """
    if _has_ahead(counts, caps, at) or free(counts, caps, held=held, at=at):
        return at
    moments = [at + SOON_S] if free(counts, caps, held=0, at=at) else []
    for name, length, piece in WINDOWS:
        cap = caps.of(name)
        if cap is not None:
            moments.append(_free_in(_recent(counts.get(name, {}), length, piece, at), cap, length, piece, at))
    if caps.today is not None and used_today(counts, caps) >= caps.today:
        moments.append(caps.tomorrow_at)
    return max(moments)


def used_today(counts: Mapping[str, Mapping[str, int]], caps: Caps) -> int:
    """How many messages of the calendar day's cap are used."""
    return counts.get(TODAY, {}).get(caps.today_name, 0)


def _free_in(pieces: Mapping[str, int], cap: int, length: float, piece: float, at: float) -> float:
    """When the oldest slices that fill the cap leave the window."""
    total = sum(pieces.values())
    if cap <= 0:
        return at + length
    moment = at
    for number in sorted(int(each) for each in pieces):
        if total < cap:
            break
        total -= pieces[str(number)]
        moment = _forgotten_at(number, length, piece)
    return moment


def _recent(pieces: Mapping[str, int], length: float, piece: float, at: float) -> dict[str, int]:
    """The slices that still count; those too far ahead count in the current one."""
    kept: dict[str, int] = {}
    for key, number in pieces.items():
        place = int(key) if int(key) * piece <= at + AHEAD_S else math.floor(at / piece)
        if _forgotten_at(place, length, piece) > at:
            _add(kept, str(place), number)
    return kept


def _has_ahead(counts: Mapping[str, Mapping[str, int]], caps: Caps, at: float) -> bool:
    return any(
        int(key) * piece > at + AHEAD_S
        for name, _length, piece in WINDOWS
        if caps.of(name) is not None
        for key in counts.get(name, {})
    )


def _forgotten_at(number: int, length: float, piece: float) -> float:
    return (number + 1) * piece + length


def _add(pieces: dict[str, int], key: str, number: int) -> None:
    pieces[key] = pieces.get(key, 0) + number


def read(counts: Any) -> Counts:
    """Counts as stored in the database; empty for anything that cannot be counts."""
    return counts if isinstance(counts, dict) else {}
