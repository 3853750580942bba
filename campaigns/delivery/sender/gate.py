"""What limits a lane: its time, its server's limits, its share of the connections, its campaign's hours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.limits.sending_hours import remaining
from campaigns.delivery.limits.server_throttle import LEASE_S, Throttle
from campaigns.delivery.sender.timing import End, Terms

log = logging.getLogger(__name__)

T = TypeVar("T")
InThread = Callable[[Callable[[], T]], Awaitable[T]]
LOOK_EVERY_S = 1.0
FIRST_LOOKS_S = 0.25  # while the lanes of a newly begun campaign settle their shares
NEWLY_BEGUN_S = 2.0
JOINS_WITHIN_S = 5.0
JOIN_EVERY_S = 0.1
STAYS_AT_LEAST_S = 3.0  # before a lane gives way to another campaign's
SHORTEST_WAIT_S = 0.01
LONGEST_WAIT_S = 0.2  # until the next question whether the process has to end


class Gate:
    """Tells a lane between two windows whether and how much it may send."""

    def __init__(self, throttle: Throttle, terms: Terms) -> None:
        self._throttle = throttle
        self._timing = terms.timing
        self._machine = terms.machine
        self._should_yield = terms.should_yield
        self._should_leave = terms.should_leave
        self._sending_hours: str | None = None
        self._closes_at: datetime | None = None
        self._started = self._begun = self._looked = terms.machine.boot_s()
        self._part = throttle.connections

    @property
    def age_s(self) -> float:
        """Seconds since the lane began."""
        return self._machine.boot_s() - self._started

    def begin(self) -> bool:
        """Take a share of the connections, if need be after a few seconds; False if there is none."""
        until = self._machine.boot_s() + JOINS_WITHIN_S
        while not self._throttle.look():
            if self._throttle.is_needless or self._machine.boot_s() > until or self._should_leave():
                return False
            self._machine.sleep(JOIN_EVERY_S)
        self._begun = self._looked = self._machine.boot_s()
        self._part = self._throttle.connections
        return True

    def keep_to(self, sending_hours: str | None, now: datetime) -> None:
        """Apply the campaign's sending hours: an operator may change them while it is sent."""
        if sending_hours == self._sending_hours:
            return
        rest = remaining(sending_hours, now)
        self._sending_hours, self._closes_at = sending_hours, None if rest is None else now + rest

    def reason_to_end(self, now: datetime, *, is_held_up: bool) -> End | None:
        """Why the lane may send nothing more; the server's limits are not considered here."""
        must_end = self.must_end(now)
        if must_end:
            return must_end
        # While one slow answer is awaited, the worker may as well go on sending.
        if not is_held_up and (self.age_s > self._timing.budget_s or self._should_yield()):
            return End.MORE
        if self._throttle.is_crowded and self._machine.boot_s() - self._begun > STAYS_AT_LEAST_S:
            return End.MORE
        return None

    def must_end(self, now: datetime) -> End | None:
        """Why nothing more may be handed to the wire, not even what is already composed."""
        if self._throttle.is_gone:
            return End.STOPPED
        if self._should_leave() or self.age_s > self._timing.limit_s:
            return End.MORE
        return End.CLOSED if self._closes_at is not None and now >= self._closes_at else None

    @property
    def must_leave(self) -> bool:
        """Whether the process has to end soon."""
        return self._should_leave()

    async def leave_for(self, wanted: int, in_thread: InThread[int], wire: asyncio.Task[None] | None) -> int:
        """How many messages may be sent now, up to `wanted`; waits up to `patience_s` for at least one."""
        if not self._throttle.is_limited:
            return wanted
        number = await in_thread(lambda: self._throttle.take(wanted).number)
        if not number and wire is not None:
            # Unused permission comes back when the wire is idle; a single slow answer is not waited for.
            await asyncio.wait({wire}, timeout=self._timing.patience_s)
            number = await in_thread(lambda: self._throttle.take(wanted).number)
        until = self._machine.boot_s() + self._timing.patience_s
        while not number:
            if not await self._has_waited(max(SHORTEST_WAIT_S, self._throttle.wait_s), until):
                return 0
            number = await in_thread(lambda: self._throttle.take(wanted).number)
        return number

    async def _has_waited(self, seconds: float, until: float) -> bool:
        """Wait; False at once if that would last longer than `until`, and when the process has to end."""
        over = self._machine.boot_s() + seconds
        if over > until:
            return False
        while not self._should_leave():
            rest = over - self._machine.boot_s()
            if rest <= 0:
                return True
            await asyncio.sleep(min(rest, LONGEST_WAIT_S))
        return False

    @property
    def lanes(self) -> int:
        """Number of this campaign's lanes over the server."""
        return self._throttle.lanes

    def renew(self) -> None:
        """Renew the lane's share of the server. Called on a timer, however slow the server is."""
        self._throttle.renew()

    @property
    def renew_every_s(self) -> float:
        """Seconds between renewals; well within the lease."""
        return min(self._timing.lease_s, LEASE_S) / 4

    def settle(self, *, used: int, unused: int) -> None:
        """Report how many of the granted messages went to the server, and how many did not."""
        self._throttle.used(used)
        self._throttle.unused(unused)

    async def connections(
        self,
        in_thread: InThread[int],
        close_down_to: Callable[[int], Awaitable[None]],
        still_open: Callable[[], int],
    ) -> int:
        """How many connections the lane may use. Those above its share are closed first and then released."""
        now = self._machine.boot_s()
        is_new = now - self._begun < NEWLY_BEGUN_S
        if now - self._looked < (FIRST_LOOKS_S if is_new else LOOK_EVERY_S):
            return self._part
        self._looked = now
        try:
            self._part = await in_thread(self._throttle.look) or self._throttle.connections
            if self._part < self._throttle.connections:
                await close_down_to(self._part)
                left = max(self._part, still_open())
                if left < self._throttle.connections:
                    await in_thread(lambda: self._throttle.shrink(left))
        except SQLAlchemyError as error:
            log.warning("A lane could not see what the others have: %s", error)
        return self._part
