"""Estimates when the rest will be sent: by the rate, limits of servers and receivers, and hours. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.planning import windows
from campaigns.planning.windows import Window
from campaigns.settings import warmup

MOST_STEPS = 3000  # beyond this the estimate is of no use
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOTHING = 1e-6  # of a message: what rounding leaves over


@dataclass(frozen=True, slots=True)
class ServerPace:
    """What one server may send: messages a second unhindered and by its limits, and what is still free."""

    per_second: float  # unhindered rate, capped by the limits per second and minute
    per_hour: int | None = None
    per_day: int | None = None
    free_this_hour: int | None = None  # None: the whole limit
    free_today: int | None = None
    warm_up_from: date | None = None
    warm_up_curve: Sequence[int] = ()
    used_today: int = 0  # of the warm-up's daily limit


@dataclass(frozen=True, slots=True)
class ReceiverPace:
    """A receiver with a limit: the rate in messages a second, and the number of messages for it."""

    number: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Pacing:
    """Everything that sets the pace: the servers that share the campaign, limited receivers, hours."""

    servers: Sequence[ServerPace]
    receivers: Sequence[ReceiverPace] = ()
    zone: ZoneInfo | None = None  # in which the warm-ups' days begin
    window: Window | None = None


def expected_end(number: int, pacing: Pacing, *, start: datetime) -> datetime | None:
    """When `number` messages are sent, beginning at `start` (both UTC); None if that is unknown."""
    if number <= 0:
        return start
    queued = [_end(each.number, [ServerPace(each.per_second)], pacing, start) for each in pacing.receivers]
    end = _end(number, pacing.servers, pacing, start)
    if end is None and number <= sum(each.number for each in pacing.receivers):
        end = start  # the servers' rate is unknown, and no message waits for them
    ends = [end, *queued]  # they run in parallel: the longest decides
    known = [each for each in ends if each is not None]
    return max(known) if len(known) == len(ends) else None


def _end(number: float, servers: Sequence[ServerPace], pacing: Pacing, start: datetime) -> datetime | None:
    run = _Run(start, number, servers, pacing)
    for _step in range(MOST_STEPS if run.can_send else 0):
        if run.left <= NOTHING:
            return run.at
        run.step()
    return None


class _Run:
    """The send in steps; a step ends when something about the rate changes."""

    def __init__(self, start: datetime, number: float, servers: Sequence[ServerPace], pacing: Pacing) -> None:
        self.at = start
        self.left = number
        self._window = pacing.window
        zone = pacing.zone or ZoneInfo("UTC")
        self._servers = [_Server(each, start, zone) for each in servers if each.per_second > 0]

    @property
    def can_send(self) -> bool:
        return bool(self._servers)

    def step(self) -> None:
        """Advance to the next change of the rate, or to the end."""
        if self._window is not None:
            self._go_to(windows.next_opening(self._window, self.at))
        changes = [each.changes_at for each in self._servers if each.changes_at is not None]
        if self._window is not None:
            changes.append(self.at + windows.remaining(self._window, self.at))
        sending = [each for each in self._servers if each.may > NOTHING]
        if not sending:
            self._go_to(min(changes))
            return
        seconds = [self.left / sum(each.per_second for each in sending)]
        seconds += [each.may / each.per_second for each in sending]
        seconds += [(moment - self.at).total_seconds() for moment in changes]
        for each in sending:
            self.left -= each.send(min(seconds))
        self._go_to(self.at + timedelta(seconds=min(seconds)))

    def _go_to(self, moment: datetime) -> None:
        self.at = moment
        for each in self._servers:
            each.go_to(moment)


class _Server:
    """What is left of a server's hour, day and warm-up while the send goes on."""

    def __init__(self, pace: ServerPace, start: datetime, zone: ZoneInfo) -> None:
        self.per_second = pace.per_second
        self._pace = pace
        self._zone = zone
        self._hour_ends, self._hour_left = start + HOUR, _first(pace.free_this_hour, pace.per_hour)
        self._day_ends, self._day_left = start + DAY, _first(pace.free_today, pace.per_day)
        self._today = warmup.day_of(start, zone)
        self._warm_left = self._warm_up(used=pace.used_today)

    @property
    def may(self) -> float:
        """How many it may send before a limit is renewed; infinite without limits."""
        return min(self._hour_left, self._day_left, self._warm_left)

    @property
    def changes_at(self) -> datetime | None:
        """When the next of its limits is renewed (UTC); None without limits."""
        renewals = (
            (self._pace.per_hour, self._hour_ends),
            (self._pace.per_day, self._day_ends),
            (self._pace.warm_up_from, warmup.end_of(self._today, self._zone)),
        )
        return min((ends for limit, ends in renewals if limit is not None), default=None)

    def send(self, seconds: float) -> float:
        """Send for that many seconds; returns the number of messages."""
        number = min(self.may, self.per_second * seconds)
        self._hour_left -= number
        self._day_left -= number
        self._warm_left -= number
        return number

    def go_to(self, moment: datetime) -> None:
        """Renew the limits whose time has come by `moment`."""
        if moment >= self._hour_ends:
            self._hour_ends, self._hour_left = moment + HOUR, _first(None, self._pace.per_hour)
        if moment >= self._day_ends:
            self._day_ends, self._day_left = moment + DAY, _first(None, self._pace.per_day)
        today = warmup.day_of(moment, self._zone)
        if today != self._today:
            self._today = today
            self._warm_left = self._warm_up(used=0)

    def _warm_up(self, *, used: int) -> float:
        allowed = warmup.allowance(self._pace.warm_up_from, self._pace.warm_up_curve, self._today)
        return math.inf if allowed is None else max(0, allowed - used)


def _first(free: int | None, cap: int | None) -> float:
    if cap is None:
        return math.inf
    return cap if free is None else min(free, cap)
