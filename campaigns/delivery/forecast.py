"""When the rest will be out, as far as one can know: the rate, the server's limits, its warm-up, the hours. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.planning import windows
from campaigns.planning.windows import Window
from campaigns.settings import warmup

MOST_STEPS = 3000  # beyond, nobody wants to know the hour
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pacing:
    """All that sets the pace: mails a second by nature and by limits, and how much is still free now."""

    per_second: float  # what it does unhindered, or what limits by second and minute leave of that
    per_hour: int | None = None
    per_day: int | None = None
    free_this_hour: int | None = None  # None: all of it
    free_today: int | None = None
    warm_up_from: date | None = None
    warm_up_curve: Sequence[int] = ()
    used_today: int = 0  # of the warm-up's day
    zone: ZoneInfo | None = None
    window: Window | None = None


def expected_end(number: int, pacing: Pacing, *, start: datetime) -> datetime | None:
    """When `number` mails are out that begin at `start`; None when it can't be said."""
    if number <= 0:
        return start
    if pacing.per_second <= 0:
        return None
    run = _Run(start, number, pacing)
    for _step in range(MOST_STEPS):
        if run.left <= 0:
            return run.at
        run.step()
    return None


class _Run:
    """The send in pieces, each of which ends where what may be sent changes."""

    def __init__(self, start: datetime, number: int, pacing: Pacing) -> None:
        self.at = start
        self.left = float(number)
        self._pacing = pacing
        self._zone = pacing.zone or ZoneInfo("UTC")
        self._hour_ends, self._hour_left = start + HOUR, _first(pacing.free_this_hour, pacing.per_hour)
        self._day_ends, self._day_left = start + DAY, _first(pacing.free_today, pacing.per_day)
        self._today = warmup.day_of(start, self._zone)
        self._warm_left = self._warm_up(used=pacing.used_today)

    def step(self) -> None:
        """Go on to the next moment at which something changes, or to the end."""
        window = self._pacing.window
        if window is not None:
            self._go_to(windows.next_opening(window, self.at))
        used_up = self._used_up()
        if used_up:
            self._go_to(max(used_up))
            return
        ends = min(self._hour_ends, self._day_ends, warmup.end_of(self._today, self._zone))
        if window is not None:
            ends = min(ends, self.at + windows.remaining(window, self.at))
        may = min(self.left, self._hour_left, self._day_left, self._warm_left)
        seconds = (ends - self.at).total_seconds()
        sent = min(may, self._pacing.per_second * seconds)
        for name in ("left", "_hour_left", "_day_left", "_warm_left"):
            setattr(self, name, getattr(self, name) - sent)
        if self.left <= 1e-9:
            self.left = 0
            self.at += timedelta(seconds=sent / self._pacing.per_second)
            return
        self._go_to(ends)

    def _used_up(self) -> list[datetime]:
        """When those limits are renewed of which nothing is left."""
        tomorrow = warmup.end_of(self._today, self._zone)
        renewals = (
            (self._hour_left, self._hour_ends),
            (self._day_left, self._day_ends),
            (self._warm_left, tomorrow),
        )
        return [ends for left, ends in renewals if left <= 0]

    def _go_to(self, moment: datetime) -> None:
        """What is renewed by then is renewed."""
        self.at = moment
        if moment >= self._hour_ends:
            self._hour_ends, self._hour_left = moment + HOUR, _first(None, self._pacing.per_hour)
        if moment >= self._day_ends:
            self._day_ends, self._day_left = moment + DAY, _first(None, self._pacing.per_day)
        today = warmup.day_of(moment, self._zone)
        if today != self._today:
            self._today = today
            self._warm_left = self._warm_up(used=0)

    def _warm_up(self, *, used: int) -> float:
        allowed = warmup.allowance(self._pacing.warm_up_from, self._pacing.warm_up_curve, self._today)
        return math.inf if allowed is None else max(0, allowed - used)


def _first(free: int | None, cap: int | None) -> float:
    if cap is None:
        return math.inf
    return cap if free is None else min(free, cap)
