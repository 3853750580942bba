"""The times and conditions of a lane, and the reasons why one ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from campaigns.core import clock
from campaigns.delivery.sender.machine import Machine

LARGEST_WINDOW = 1000
SLACK_S = 5.0  # no message is finished this close to the end of the lease


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a lane, in seconds; tests shorten them."""

    lease_s: float = 60
    budget_s: float = 30
    limit_s: float = 120  # nothing more is handed to the wire after this, however slow an answer is
    breath_s: float = 1.0  # pause after a window in which the server was unreachable
    patience_s: float = 2.0  # how long a lane waits while the server's limits allow nothing
    slow_s: float = 5.0  # from here on an answer is slow
    hurry_s: float = 3.0  # how long a lane tries to connect while another server can take over
    window: int = LARGEST_WINDOW

    @property
    def slack_s(self) -> float:
        return min(SLACK_S, self.lease_s / 4)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lane may take, what it runs on, and what it asks now and then.

    `should_yield`: whether others need the worker. `should_leave`: whether the process has to end soon.
    """

    timing: Timing = field(default_factory=Timing)
    machine: Machine = field(default_factory=Machine)
    now: Callable[[], datetime] = clock.now
    should_yield: Callable[[], bool] = _never
    should_leave: Callable[[], bool] = _never


class End(StrEnum):
    """Why a lane ended."""

    NOTHING = "nothing"  # nothing to claim for now
    MORE = "more"  # its time is over, more is left
    STOPPED = "stopped"  # paused, cancelled, or a reason of its own (`rules.stop`)
    UNREACHABLE = "unreachable"  # no message of a whole window reached the server
    FENCED = "fenced"  # the lease was lost
    LIMITED = "limited"  # the server's limits allow nothing for now
    FULL = "full"  # other lanes have all connections of the server
    CLOSED = "closed"  # outside the campaign's sending hours
