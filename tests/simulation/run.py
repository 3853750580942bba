"""Running a course: lanes one after the other on a machine that is not there, and what must be true afterwards.

The lanes, their store, the journal, the rules and the client are the app's own, down to the bytes; only sockets,
threads and clocks are not. A lane that is to be killed runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from campaigns.audience import subscribing
from campaigns.audience.models import Origin, Subscriber
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery import queries, services
from campaigns.delivery.dispatch import launch, tasks
from campaigns.delivery.models import Batch, Delivery, Receiver, State
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.machine import Machine
from campaigns.delivery.sender.timing import End, Timing
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings.models import Server
from tests.conftest import make_app, make_config
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.simulation.course import DOMAINS, PEOPLE, Course
from tests.simulation.wire import Act, Book, Session, Transport
from tests.simulation.world import BEGIN, AtOnce, Clock, Loop

MOST_LANES = 400
PAUSE_HOLDS_S = 2.5
RECHECKED_S = 4.0
DEPTH = 64  # mails that may be under way on a connection


@dataclass
class Report:
    """What a course came to; `problems` is empty when everything promised was kept."""

    seed: int
    problems: list[str] = field(default_factory=list)
    lanes: int = 0
    copies: int = 0


class Simulation:
    """One app and one database file for many courses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "columba.db"
        self.clock = Clock()
        self.app: Flask = make_app(make_config(folder, f"sqlite:///{self._path}"))
        self._blanks: dict[int, Path] = {}
        with self.app.app_context():
            upgrade()
            sa.event.listen(db.engine, "connect", self._on_connect)
            db.engine.dispose()
            blank = folder / "blank"
            shutil.copyfile(self._path, blank)
            for people in PEOPLE:
                self._put(blank)
                self._blanks[people] = folder / f"blank{people}"
                self._launched(people)

    def _on_connect(self, connection: Any, _record: Any) -> None:
        connection.create_function("strftime", -1, self.clock.strftime)

    def _put(self, image: Path) -> None:
        db.session.remove()
        db.engine.dispose()
        for each in self._folder.glob("columba.db*"):
            each.unlink()
        shutil.copyfile(image, self._path)
        (self._folder / "watermark").unlink(missing_ok=True)

    def _launched(self, people: int) -> None:
        self.clock.seconds = 1000.0
        readers = make_list()
        for number in range(people):
            make_subscriber(
                f"p{number}@{DOMAINS[number % len(DOMAINS)]}",
                lists=[readers],
                fields={"first_name": f"Zoë {number}"},
            )
        campaign = make_campaign(
            lists=[readers],
            status=Status.SCHEDULED,
            send_at=self.clock.now() - timedelta(seconds=1),
            server_id=make_server(host="127.0.0.1").id,
            html="<p>Hello {{ first_name }}</p>.<p><a href='{{ unsubscribe_url }}'>Leave</a></p>",
        )
        launch.launch(campaign.id, self.clock.now(), size=4)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
        shutil.copyfile(self._path, self._blanks[people])

    def run(self, seed: int) -> Report:
        """One course, from launch to the last word."""
        course = Course.drawn(seed)
        random.seed(seed)  # the app's own dice
        with self.app.app_context():
            self._put(self._blanks[course.people])
            shutil.rmtree(lane_runner.journals(), ignore_errors=True)
            self.clock.seconds = 1001.0
            try:
                return _Run(self, course).whole()
            finally:
                db.session.remove()
                db.engine.dispose()


class _Run:
    def __init__(self, simulation: Simulation, course: Course) -> None:
        self.app, self.clock, self.course = simulation.app, simulation.clock, course
        self.report = Report(course.seed)
        self.book = Book()
        self._moments = 0
        self._kill_at: int | None = None
        self._paused_at: float | None = None
        self._left: dict[str, float] = {}
        self._killed_begun: set[str] = set()
        self._held: list[tuple[float, float]] = []  # when nothing might begin
        self._facts = os.memfd_create("facts")

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
        self._check()
        os.close(self._facts)
        return self.report

    def _prepare(self) -> None:
        db.session.execute(sa.update(Server).values(connections=self.course.connections))
        db.session.execute(sa.update(Campaign).values(holds_in_doubt=self.course.holds))
        db.session.commit()
        self.campaign_id: int = db.session.scalars(sa.select(Campaign.id)).one()
        self._numbers = {
            email: number
            for number, email in enumerate(db.session.scalars(sa.select(Subscriber.email).order_by("id")))
        }
        db.session.rollback()

    def _status(self) -> Status:
        db.session.rollback()
        found = db.session.scalars(sa.select(Campaign.status)).one()
        db.session.rollback()
        return found

    def _lane(self) -> End:
        loop = Loop(self.clock, self.course.dice, self._dial)
        timing = Timing(window=self.course.window, budget_s=self.course.budget_s)
        machine = Machine(
            boot_s=self.clock.tick,
            tick_s=self.clock.tick,
            sleep=self.clock.sleep,
            new_loop=lambda: loop,
            threads=AtOnce,
        )
        with patch("time.monotonic", self.clock.tick):
            end = lane_runner.send(self.campaign_id, timing=timing, now=self.clock.now, machine=machine)
        self.report.problems += loop.errors
        return end

    def _lane_that_dies(self, after: int) -> None:
        """In a process of its own, which ends without a word; what the server knows outlives it."""
        os.ftruncate(self._facts, 0)
        os.lseek(self._facts, 0, os.SEEK_SET)
        child = os.fork()
        if not child:
            db.engine.dispose(close=False)
            self._kill_at = self._moments + after
            self.book.tell = self._write_down
            try:
                self._lane()
                self._write_down("clock", f"{self.clock.seconds:.6f} -")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        size = os.fstat(self._facts).st_size
        for line in os.pread(self._facts, size, 0).decode().splitlines():
            kind, at, who = line.split(" ")
            self.clock.seconds = max(self.clock.seconds, float(at))
            if kind == "handed":
                self._killed_begun.add(who)
            elif kind == "paused":
                self._paused_at = float(at)
            elif kind == "left":
                self._left[who] = float(at)
            elif kind == "held":
                self._held.append((float(at), float("inf")))
            elif kind != "clock":
                self.book.take(kind, who, float(at))
        self.clock.seconds += 1

    def _write_down(self, kind: str, rest: str) -> None:
        os.write(self._facts, f"{kind} {rest}\n".encode())

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
        )
        return transport, protocol

    def _act(self, verb: str, who: str) -> Act:
        self._moment()
        return self.course.act(verb, self._numbers.get(who))

    def _moment(self) -> None:
        """Something happens at the server: others may act at the same time."""
        self._moments += 1
        if self._kill_at is not None and self._moments >= self._kill_at:
            os._exit(9)
        act = self.course.people_act.pop(self._moments, None)
        if act is None:
            return
        if act in ("pause", "cancel"):
            self._stop(act)
        else:
            self._leave(int(act.partition(":")[2]))

    def _stop(self, act: str) -> None:
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
        self._held.append((self.clock.seconds, float("inf")))
        if self._kill_at is not None:
            self._write_down("held", f"{self.clock.seconds:.6f} -")

    def _leave(self, number: int) -> None:
        who = next(email for email, each in self._numbers.items() if each == number)
        person = db.session.scalars(sa.select(Subscriber.id).where(Subscriber.email == who)).one()
        subscribing.unsubscribe(person, list_ids=None, origin=Origin.ONE_CLICK, now=self.clock.now())
        db.session.commit()
        self._left[who] = self.clock.seconds
        if self._kill_at is not None:
            self._write_down("left", f"{self.clock.seconds:.6f} {who}")

    # -- between lanes

    def _resume(self) -> None:
        if self._status() is not Status.PAUSED:
            return
        self.clock.seconds += 60
        services.resume(db.session.get_one(Campaign, self.campaign_id), now=self.clock.now())
        db.session.commit()
        if self._held and self._held[-1][1] == float("inf"):
            self._held[-1] = (self._held[-1][0], self.clock.seconds)

    def _look_after(self) -> None:
        db.session.rollback()
        tasks.reap(owner="simulation", now=self.clock.now())
        db.session.commit()
        tasks.settle_cancelled(now=self.clock.now())
        tasks.repair(now=self.clock.now())
        db.session.rollback()

    def _skip_to_what_is_due(self) -> None:
        """Nobody waits for hours here."""
        now = self.clock.now()
        waits = [
            db.session.scalar(sa.select(sa.func.min(column)).where(column > now))
            for column in (Batch.next_at, Server.closed_until, Receiver.next_at)
        ]
        ready = db.session.scalar(
            sa.select(sa.func.count())
            .select_from(Batch)
            .where(Batch.next_at.is_(None) | (Batch.next_at <= now), Batch.state != 2)
        )
        closed = waits[1]
        db.session.rollback()
        due = [each for each in waits if each is not None]
        if due and (not ready or closed):
            self.clock.seconds = max(self.clock.seconds, (min(due) - BEGIN).total_seconds()) + 1
        else:
            self.clock.seconds += 1

    # -- what must be true

    def _check(self) -> None:
        rows = db.session.execute(
            sa.select(Subscriber.email, Delivery.state, Delivery.reason)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Delivery.is_latest)
        ).all()
        self._that(self._status() in (Status.FINISHED, Status.CANCELLED), "G2: it never ends", self._status())
        self._that(len(rows) == self.course.people, "G1: rows", len(rows))
        told = queries.counts(self.campaign_id).by_word
        counted = Counter(State(row.state).word for row in rows)
        self._that({word: n for word, n in told.items() if n} == dict(counted), "G8: counts", told, counted)
        for row in rows:
            self._check_one(row.email, State(row.state), row.reason)
        for at, who in self.book.begun:
            for since, until in self._held:
                self._that(not since + PAUSE_HOLDS_S < at < until, "G5: begun after a stop", who, at - since)
            left = self._left.get(who)
            self._that(left is None or at <= left + RECHECKED_S, "G4: begun after leaving", who)
        self._check_copies()
        left = list(lane_runner.journals().glob("*")) if lane_runner.journals().exists() else []
        self._that(not [each for each in left if each.suffix == ".new"], "a journal half made", left)

    def _check_one(self, who: str, state: State, reason: Any) -> None:
        accepted, doubts = self.book.accepted[who], self.book.doubts[who]
        is_in_doubt = bool(doubts) or who in self._killed_begun
        self._that(state.is_final, "G2: still open", who, state)
        if state is State.SENT:
            self._that(accepted > 0, "G2: sent without an acceptance", who)
        elif accepted:
            self._that(is_in_doubt, "G2: accepted, and not sent", who, state, reason)
        if state is State.UNKNOWN:
            self._that(is_in_doubt, "unknown without a fault after the end", who, reason)
        if state is State.FAILED:
            self._that(reason is not None, "G2: failed without a reason", who)

    def _check_copies(self) -> None:
        for who, copies in self.book.accepted.items():
            self.report.copies += copies - 1
            is_in_doubt = bool(self.book.doubts[who]) or who in self._killed_begun
            most = 1 if self.course.holds or not is_in_doubt else 2
            self._that(copies <= most, "G3: copies", who, copies, "of", most)

    def _that(self, is_true: bool, *words: object) -> None:
        if not is_true:
            self.report.problems.append(" ".join(str(each) for each in words))


@contextmanager
def simulation() -> Iterator[Simulation]:
    """In memory where the system has a place for that."""
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="columba-sim-", dir=shm if os.access(shm, os.W_OK) else None))
    try:
        yield Simulation(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
