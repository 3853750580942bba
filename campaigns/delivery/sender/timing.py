"""The times of a lane, under what terms it is sent, and why one ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from campaigns.core import clock
from campaigns.delivery.sender.machine import Machine

LARGEST_WINDOW = 1000
SLACK_S = 5.0  # nothing is finished this close to the end of the lease


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a lane, in seconds; tests make them short."""

    lease_s: float = 60
    budget_s: float = 30
    limit_s: float = 120  # nothing more is handed to the wire after it, and no slow answer lifts it
    breath_s: float = 1.0  # after a window in which the server could not be reached
    patience_s: float = 2.0  # for how long a lane stays while the server may be given nothing
    slow_s: float = 5.0  # from then on an answer is slow
    hurry_s: float = 3.0  # for how long a lane tries to connect while another server can take the mail
    window: int = LARGEST_WINDOW

    @property
    def slack_s(self) -> float:
        return min(SLACK_S, self.lease_s / 4)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lane may take, on what it runs, and what it asks now and then.

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
    MORE = "more"  # its time is over, there is more
    STOPPED = "stopped"  # paused, cancelled, or a reason of its own (`rules.stop`)
    UNREACHABLE = "unreachable"  # a whole window found no server
    FENCED = "fenced"  # the lease was lost
    LIMITED = "limited"  # the server's limits leave nothing for now
    FULL = "full"  # other lanes have all connections of the server
    CLOSED = "closed"  # outside the campaign's sending hours
