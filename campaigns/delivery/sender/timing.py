"""The times of a lane, and why one ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LARGEST_WINDOW = 1000
SLACK_S = 5.0  # nothing is finished this close to the end of the lease


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a lane, in seconds; tests make them short."""

    lease_s: float = 60
    budget_s: float = 30
    breath_s: float = 1.0  # after a window in which the server could not be reached
    patience_s: float = 2.0  # for how long a lane stays while the server may be given nothing
    slow_s: float = 5.0  # from then on an answer is slow
    hurry_s: float = 3.0  # for how long a lane knocks at a server while another can take the mail
    window: int = LARGEST_WINDOW

    @property
    def slack_s(self) -> float:
        return min(SLACK_S, self.lease_s / 4)


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
