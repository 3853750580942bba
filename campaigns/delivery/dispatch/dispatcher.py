"""The dispatcher: finds what is due and notifies the workers. Several may run; one of them leads."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from redis.exceptions import RedisError
from rq.timeouts import BaseTimeoutException

from campaigns.core import clock, queue
from campaigns.core.db import db, reading
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.dispatch.rounds import BUDGET_S, Rounds
from campaigns.delivery.ledger import database_clock, leases

log = logging.getLogger(__name__)

SEND = "campaigns.delivery.jobs.send"
PROBE = "campaigns.delivery.jobs.probe"
LOOK_UP = "campaigns.delivery.jobs.look_up_receivers"
LEASE_S = 10.0
SHORTEST_WAIT_S = 0.05
LAUNCHING_S = 1.0


@dataclass(frozen=True, slots=True)
class Ticks:
    """Intervals of the dispatcher's duties, in seconds."""

    hints: float = 2.0
    takeovers: float = 5.0
    repairs: float = 15.0
    invariants: float = 60.0
    lease: float = LEASE_S
    budget: float = BUDGET_S  # of one tick, for checking campaigns one by one
    launching: float = LAUNCHING_S  # of one tick, for launches


@dataclass(frozen=True, slots=True)
class Duty:
    """What a package above this one looks after; `work` is given the database's time."""

    name: str
    seconds: float
    work: Callable[[datetime], object]


@dataclass
class Dispatcher:
    """One process that may lead."""

    ticks: Ticks = field(default_factory=Ticks)
    owner: str = field(
        default_factory=lambda: f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
    )
    more: Sequence[Duty] = ()
    _due: dict[str, float] = field(default_factory=dict)
    _renew_at: float = 0.0
    is_behind: bool = False  # more campaigns are due for launch
    _now: Callable[[], datetime] = field(init=False)  # the database's time, set at the beginning of a tick
    _rounds: Rounds = field(init=False)
    _launches: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self._launches = Rounds(0, budget_s=self.ticks.launching)
        self._rounds = Rounds(self.ticks.repairs, budget_s=self.ticks.budget)

    def tick(self) -> bool:
        """Do what is due now; False when another dispatcher leads."""
        try:
            if not self._leads():
                return False
        except Exception:
            db.session.rollback()
            log.exception("The dispatcher can't reach the database; it tries again.")
            return False
        for name, seconds, work in self._duties():
            if time.monotonic() >= self._due.get(name, 0):
                self._do(name, work)
                self._due[name] = time.monotonic() + seconds
        return True

    def rest_s(self) -> float:
        """Seconds until the next tick without a nudge: less than usual if something is due before."""
        try:
            moment = tasks.next_moment(now=self._now())
            seconds = (moment - self._now()).total_seconds() if moment else self.ticks.hints
        except Exception as error:
            log.warning("The dispatcher can't tell what is due next: %s", error)
            return self.ticks.hints
        return min(self.ticks.hints, max(0.0, seconds))

    def let_go(self) -> None:
        """Release the role at once."""
        with db.engine.begin() as connection:
            leases.let_go(connection, leases.LEADER, owner=self.owner)

    def _launch(self) -> None:
        """Launch due campaigns. Workers start on the first while the others are launched."""
        self.is_behind = tasks.launch_due(now=self._now(), rounds=self._launches)

    def _leads(self) -> bool:
        """Whether this process has the role, which is renewed before a third of its lease is over."""
        if time.monotonic() < self._renew_at and self._still_leads():
            return True
        asked = time.monotonic()
        with db.engine.begin() as connection:
            if not leases.hold(connection, leases.LEADER, owner=self.owner, seconds=self.ticks.lease):
                return False
            self._now = database_clock.measured_over(connection)
        self._renew_at = asked + self.ticks.lease / 3
        return True

    def _still_leads(self) -> bool:
        with reading(), db.engine.connect() as connection:
            if not leases.holds(connection, leases.LEADER, owner=self.owner):
                return False
            self._now = database_clock.measured_over(connection)
            return True

    def _duties(self) -> list[tuple[str, float, Callable[[], object]]]:
        """(name, interval in seconds, function). Imports and notices go by the host's clock."""
        ticks = self.ticks
        return [
            ("watermark", ticks.hints, lambda: tasks.keep_watermark(now=self._now())),
            ("takeovers", ticks.takeovers, lambda: tasks.reap(owner=self.owner, now=self._now())),
            ("repairs", 0, lambda: tasks.repair(now=self._now(), rounds=self._rounds)),
            ("launches", 0, self._launch),
            ("cancellations", 0, lambda: tasks.settle_cancelled(now=self._now())),
            ("lanes", 0, lambda: tasks.wake_workers(SEND, now=self._now())),
            ("probes", ticks.repairs, lambda: tasks.hint_probes(PROBE, now=self._now())),
            ("look-ups", ticks.repairs, lambda: tasks.hint_look_ups(LOOK_UP, now=self._now())),
            ("imports", ticks.hints, lambda: tasks.hint_imports(now=clock.now())),
            ("bulk acts", ticks.hints, lambda: tasks.hint_bulk_acts(now=clock.now())),
            ("exports", ticks.hints, lambda: tasks.hint_exports(now=clock.now())),
            ("notices", ticks.hints, lambda: tasks.hint_notices(now=clock.now())),
            ("leftovers", ticks.repairs, lambda: tasks.clean_up(now=self._now())),
            ("audit log", ticks.invariants, lambda: tasks.shorten_audit_log(now=clock.now())),
            ("old exports", ticks.invariants, lambda: tasks.forget_exports(now=clock.now())),
            ("invariants", ticks.invariants, lambda: tasks.check(now=self._now())),
            *((each.name, each.seconds, partial(self._do_more, each)) for each in self.more),
        ]

    def _do_more(self, duty: Duty) -> None:
        duty.work(self._now())

    def _do(self, name: str, work: Callable[[], object]) -> None:
        """Run one duty; a failure is logged and does not stop the others."""
        try:
            work()
        except BaseTimeoutException:
            raise
        except Exception:
            log.exception("The dispatcher could not look after its %s.", name)
        finally:
            db.session.rollback()
            db.session.remove()


_EVICTS = (
    "Redis throws keys away when it is full (maxmemory-policy %s). Nobody is lost by that, but sends stand still until"
    " they are asked for again. Set it to noeviction."
)


def run(stop: threading.Event, *, ticks: Ticks | None = None, more: Sequence[Duty] = ()) -> None:
    """Run the dispatcher until `stop` is set. `more`: what else it looks after."""
    dispatcher = Dispatcher(ticks or Ticks(), more=more)
    if policy := queue.eviction_policy():
        log.warning(_EVICTS, policy)
    while not stop.is_set():
        if not dispatcher.tick():
            _wait(stop, dispatcher.ticks.hints)
        elif not dispatcher.is_behind:
            _wait(stop, dispatcher.rest_s())
    try:
        dispatcher.let_go()
    except Exception:
        log.exception("The dispatcher could not give its role back; its lease ends by itself.")


def _wait(stop: threading.Event, seconds: float) -> None:
    """Wait for a nudge, at most one tick; without Redis, one tick.

    The short wait comes first: many nudges at once count as one, and one after a while is heeded at once.
    """
    if stop.wait(min(SHORTEST_WAIT_S, seconds)):
        return
    try:
        queue.client().blpop([queue.NUDGE_KEY], timeout=max(SHORTEST_WAIT_S, seconds - SHORTEST_WAIT_S))
    except (RedisError, OSError):
        stop.wait(seconds)
