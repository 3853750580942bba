"""The state of a server's warm-up, for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from campaigns.core import clock
from campaigns.delivery.limits import server_throttle, sliding_window
from campaigns.settings import queries as settings_queries
from campaigns.settings import warmup
from campaigns.settings.models import Server


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A warm-up plan and its state. `today`: the number of the day, from 1; 0 before it begins."""

    curve: tuple[int, ...]
    start: date
    today: int
    used: int  # messages sent today

    @property
    def is_over(self) -> bool:
        return self.today > len(self.curve)

    @property
    def allowed(self) -> int | None:
        """Messages allowed today; None for no limit."""
        return self.curve[self.today - 1] if 1 <= self.today <= len(self.curve) else None


def warm_up_of(server: Server, *, now: datetime) -> WarmUp | None:
    """The server's warm-up; None when it has none."""
    if server.warm_up_from is None or not server.warm_up_curve:
        return None
    today = warmup.day_of(now, clock.zone(settings_queries.site().time_zone))
    used = sliding_window.used_today(
        server_throttle.counts_of(server.id), server_throttle.limits_of(server).at(now)
    )
    number = max(0, (today - server.warm_up_from).days + 1)
    return WarmUp(tuple(server.warm_up_curve), server.warm_up_from, number, used)
