"""Runs a course: lanes one after the other on a simulated machine, then the checks.

The lanes, their store, the journal, the rules and the client are the app's own, down to the bytes; only
sockets, threads and clocks are simulated. A lane that is to be killed runs in a process of its own. While a
host is frozen, another lane goes on.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from campaigns.audience import leaving
from campaigns.audience.models import Origin, Subscriber
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery import services
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.models import State
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.ack_journal import Journal, Mark
from campaigns.delivery.sender.machine import Machine
from campaigns.delivery.sender.timing import Timing
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import services as settings_services
from campaigns.settings.models import Server, Site
from tests.simulation.course import Course
from tests.simulation.ground import Ground
from tests.simulation.promises import Facts, Promises
from tests.simulation.wire import Act, Book, Session, Transport
from tests.simulation.world import BEGIN, AtOnce, Loop

CONNECTION = settings_services.connection
MOST_LANES = 400
COLLECTED_EVERY = 50  # courses between two garbage collections


@dataclass
class Report:
    """The result of a course; `problems` is empty if all promises were kept."""

    seed: int
    problems: list[str] = field(default_factory=list)
    lanes: int = 0
    copies: int = 0
    faults: set[str] = field(default_factory=set)


class Simulation:
    """Runs courses one after the other."""

    def __init__(self, folder: Path) -> None:
        self.ground = Ground(folder)
        self._courses = 0

    def run(self, seed: int) -> Report:
        """One course, from launch to the final outcome."""
        course = Course.drawn(seed)
        random.seed(seed)  # the app's own random numbers
        self._courses += 1
        if self._courses % COLLECTED_EVERY == 1:
            gc.collect()
        with self.ground.app.app_context(), _uncollected():
            self.ground.lay(course.people, course.size)
            shutil.rmtree(lane_runner.journals(), ignore_errors=True)
            try:
                return _Run(self.ground, course).whole()
            finally:
                db.session.remove()


class _Run:
    def __init__(self, ground: Ground, course: Course) -> None:
        self.ground, self.clock, self.course = ground, ground.clock, course
        self.report = Report(course.seed, faults=course.faults)
        self.book = Book()
        self.facts = Facts()
        self._moments = 0
        self._kill_at: int | None = None
        self._is_still = False  # the lane's host is frozen, and another one runs
        self._sessions: list[Session] = []  # the lane's
        self._pipe = os.memfd_create("facts")

    # -- the course

    def whole(self) -> Report:
        self._prepare()
        while self.report.lanes < MOST_LANES and self._status() not in (Status.FINISHED, Status.CANCELLED):
            if self.report.lanes >= self.course.lanes_of_trouble:
                self.course.is_over = True
            self._resume()
            kill_at = self.course.kills.pop(self.report.lanes, None)
            self.report.lanes += 1
            self._lane_that_dies(kill_at) if kill_at else self._lane()
            self._look_after()
            self._skip_to_what_is_due()
        promises = Promises(
            self.campaign_id, self.book, self.facts, people=self.course.people, holds=self.course.holds
        )
        promises.check(self._status())
        self.report.problems += promises.problems
        self.report.copies = promises.copies
        os.close(self._pipe)
        return self.report

    def _prepare(self) -> None:
        course = self.course
        offered = {"connections": course.connections, "per_connection": course.per_connection}
        db.session.execute(sa.update(Server).values(offered))
        db.session.execute(sa.update(Campaign).values(holds_in_doubt=course.holds))
        db.session.execute(sa.update(Site).values(retry_hours=course.hours))
        db.session.commit()
        self.campaign_id: int = self.ground.one("SELECT id FROM campaign")[0]
        emails = self.ground.reader.execute("SELECT email FROM subscriber ORDER BY id")
        self._numbers = {email: number for number, (email,) in enumerate(emails)}

    def _status(self) -> Status:
        return Status(self.ground.one("SELECT status FROM campaign")[0])

    def _lane(self) -> None:
        loop = Loop(self.clock, self.course.dice, self._dial)
        course, pace = self.course, self.course.pace
        timing = Timing(
            window=course.window, budget_s=course.budget_s, limit_s=pace.limit_s, lease_s=pace.lease_s
        )
        machine = Machine(
            boot_s=self.clock.tick,
            tick_s=self.clock.tick,
            sleep=self.clock.sleep,
            new_loop=lambda: loop,
            threads=AtOnce,
        )
        tick = self.clock.tick
        with (
            patch("time.monotonic", tick),
            patch("campaigns.core.clock.boot_seconds", tick),
            patch.object(lane_runner.settings_services, "connection", self._connection),
        ):
            lane_runner.send(self.campaign_id, timing=timing, now=self.clock.now, machine=machine)
        self._sessions.clear()
        self.report.problems += loop.errors

    def _connection(self, server: Server) -> Any:
        return replace(CONNECTION(server), timeouts=self.course.pace.timeouts)

    def _lane_that_dies(self, after: int, lane: Callable[[], None] | None = None) -> None:
        """Run a lane in a process that ends without warning; the server's record survives it."""
        self.course.faults.add("killed")
        os.ftruncate(self._pipe, 0)
        os.lseek(self._pipe, 0, os.SEEK_SET)
        people = dict(
            self.ground.reader.execute(
                "SELECT delivery.id, email FROM subscriber JOIN delivery ON subscriber_id = subscriber.id"
            ).fetchall()
        )
        child = os.fork()
        if not child:
            db.engine.dispose(close=False)
            self._kill_at = self._moments + after
            self.course.stalls.clear()
            self.book.tell = self._write_down
            try:
                with patch.object(Journal, "write", self._writing_down(Journal.write, people)):
                    (lane or self._lane)()
                self._write_down("clock", f"{self.clock.seconds:.6f} -")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        size = os.fstat(self._pipe).st_size
        for line in os.pread(self._pipe, size, 0).decode().splitlines():
            kind, at, who = line.split(" ")
            self.clock.seconds = max(self.clock.seconds, float(at))
            if kind == "handed":
                self.facts.killed.add(who)
            elif kind == "left":
                self.facts.left[who] = float(at)
            elif kind == "held":
                self.facts.held.append((float(at), float("inf")))
            elif kind != "clock":
                self.book.take(kind, who, float(at))
        self.clock.seconds += 1

    def _writing_down(self, write: Callable[..., None], people: Mapping[int, str]) -> Callable[..., None]:
        """Wraps the journal's `write`, to record whom a lane hands over, even if no server hears of it."""

        def writing(journal: Journal, delivery_id: int, fence: int, mark: Mark, code: int = 0) -> None:
            if mark is Mark.HANDED:
                self._write_down("handed", f"{self.clock.seconds:.6f} {people[delivery_id]}")
            write(journal, delivery_id, fence, mark, code)

        return writing

    def _write_down(self, kind: str, rest: str) -> None:
        os.write(self._pipe, f"{kind} {rest}\n".encode())

    # -- the wire

    async def _dial(self, loop: Loop, factory: Callable[[], Any], _host: str, _port: int) -> Any:
        await asyncio.sleep(self.course.latency_s)
        if not self.course.lets_in():
            raise ConnectionRefusedError(111, "refused")
        protocol = factory()
        transport = Transport(loop, protocol, self.course.latency_s)
        protocol.connection_made(transport)
        transport.session = Session(
            transport,
            keywords=self.course.keywords,
            act=self._act,
            book=self.book,
            clock=self.clock.tick,
            patience_s=self.course.pace.patience_s,
        )
        if not self._is_still:
            self._sessions.append(transport.session)
        return transport, protocol

    def _act(self, verb: str, who: str) -> Act:
        self._moment()
        return self.course.act(verb, self._numbers.get(who))

    def _moment(self) -> None:
        """Something happens at the server: others may act at the same moment."""
        if self._is_still:
            return
        self._moments += 1
        if self._kill_at is not None and self._moments >= self._kill_at:
            os._exit(9)
        act = self.course.people_act.pop(self._moments, None)
        if act in ("pause", "cancel"):
            self._stop(act)
        elif act is not None:
            self._leave(int(act.partition(":")[2]))
        stall_s = self.course.stalls.pop(self._moments, None)
        if stall_s is not None:
            self._stand_still(stall_s)

    def _stand_still(self, seconds: float) -> None:
        """The lane's process is frozen, and meanwhile another lane starts on its host; some of those die."""
        self.course.faults.add(f"stands still {seconds:g} s")
        for session in self._sessions:
            session.stand_still()
        sending = (
            "SELECT email FROM subscriber JOIN delivery ON subscriber_id = subscriber.id WHERE state = ?"
        )
        self.facts.marked |= {
            email for (email,) in self.ground.reader.execute(sending, (int(State.SENDING),))
        }
        since = self.clock.seconds
        self.clock.seconds += seconds
        if self._moments % 2 and self._kill_at is None:
            self._lane_that_dies(5 + self._moments % 16, self._lane_beside)
        else:
            self._is_still, ours = True, self._sessions
            self._sessions = []
            self._lane_beside()
            self._is_still, self._sessions = False, ours
        self.facts.stood_still(since, self.clock.seconds)

    def _lane_beside(self) -> None:
        """A lane in a thread: in this one a loop is running."""
        other = threading.Thread(target=self._other_lane)
        other.start()
        other.join()

    def _other_lane(self) -> None:
        with self.ground.app.app_context():
            try:
                self._lane()
            except Exception as error:
                self.report.problems.append(f"another lane: {error!r}")
            finally:
                db.session.remove()

    def _stop(self, act: str) -> None:
        self.course.faults.add(act)
        campaign = db.session.get_one(Campaign, self.campaign_id, populate_existing=True)
        try:
            if act == "pause":
                services.pause(campaign, reason=PauseReason.OPERATOR, detail=None, now=self.clock.now())
            else:
                services.cancel(campaign, now=self.clock.now())
            db.session.commit()
        except Conflict:
            db.session.rollback()
            return
        self.facts.held.append((self.clock.seconds, float("inf")))
        if self._kill_at is not None:
            self._write_down("held", f"{self.clock.seconds:.6f} -")

    def _leave(self, number: int) -> None:
        self.course.faults.add("unsubscribes")
        who = next(email for email, each in self._numbers.items() if each == number)
        person = db.session.scalars(sa.select(Subscriber.id).where(Subscriber.email == who)).one()
        leaving.unsubscribe(person, list_ids=None, origin=Origin.ONE_CLICK, now=self.clock.now())
        db.session.commit()
        self.facts.left[who] = self.clock.seconds
        if self._kill_at is not None:
            self._write_down("left", f"{self.clock.seconds:.6f} {who}")

    # -- between lanes

    def _resume(self) -> None:
        if self._status() is not Status.PAUSED:
            return
        self.clock.seconds += 60
        services.resume(db.session.get_one(Campaign, self.campaign_id), now=self.clock.now())
        db.session.commit()
        held = self.facts.held
        if held and held[-1][1] == float("inf"):
            held[-1] = (held[-1][0], self.clock.seconds)

    def _look_after(self) -> None:
        """The dispatcher's round. A lane may start before one; once no recipient is left, it takes place."""
        db.session.rollback()
        is_left = self.ground.one("SELECT 1 FROM batch WHERE state <> 2") is not None
        if is_left and self._status() is Status.SENDING and self.report.lanes % self.course.tended_every:
            return
        tasks.reap(owner="simulation", now=self.clock.now())
        db.session.commit()
        tasks.settle_cancelled(now=self.clock.now())
        tasks.repair(now=self.clock.now())
        db.session.rollback()

    def _skip_to_what_is_due(self) -> None:
        """Advance the clock to what is due, instead of waiting for hours."""
        now = self.clock.now().strftime("%Y-%m-%d %H:%M:%S.%f")
        wakes, closed, eased, ready = self.ground.one(
            "SELECT (SELECT min(next_at) FROM batch WHERE next_at > ?1),"
            " (SELECT min(closed_until) FROM server WHERE closed_until > ?1),"
            " (SELECT min(next_at) FROM receiver WHERE next_at > ?1),"
            " (SELECT count(*) FROM batch WHERE (next_at IS NULL OR next_at <= ?1) AND state <> 2)",
            now,
        )
        due = [datetime.fromisoformat(each + "+00:00") for each in (wakes, closed, eased) if each]
        if due and (not ready or closed):
            self.clock.seconds = max(self.clock.seconds, (min(due) - BEGIN).total_seconds())
        self.clock.seconds += 1


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which would scan the whole app again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def simulation() -> Iterator[Simulation]:
    """A simulation, in memory where the system supports it."""
    with folder() as path:
        yield Simulation(path)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for databases, in memory where possible; removed at the end."""
    shm = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="columba-sim-", dir=shm if os.access(shm, os.W_OK) else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
