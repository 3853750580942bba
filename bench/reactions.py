"""How soon the engine reacts: to "send now", to SIGTERM, to a pause, to a server that comes back.

`python -m bench.reactions --database postgres`. The whole app runs with two workers beside a sink. What a person does
is done in this process, so that the clock starts with the commit and not with the start of a command. `--only` measures
one of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench import engine, ground, sink
from bench.engine import Engine
from campaigns import create_app
from campaigns.core import clock, queue
from campaigns.core.config import from_env
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery import services as delivery_services
from campaigns.delivery.models import Delivery, State
from campaigns.planning import queries as planning_queries
from campaigns.planning import services as planning_services
from campaigns.planning.models import PauseReason
from tests.running import ROOT, free_port

CONNECTIONS = 10
PATIENCE_S = 180.0
SETTLED_S = 3.0  # nothing has come for so long: nothing more comes
REST_S = 3.0  # the workers have gone back to waiting
AWAY_S = 10.0
RATE_DELAY_S = 0.0165  # of each answer: ten connections then take some 600 messages a second by DATA


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: what it is, what was measured each time, and what it may be at most (or has to be at least)."""

    what: str
    unit: str
    values: list[float]
    limit: float | None = None
    is_least: bool = False

    @property
    def worst(self) -> float:
        return (min if self.is_least else max)(self.values)

    @property
    def holds(self) -> bool:
        if self.limit is None:
            return True
        return self.worst >= self.limit if self.is_least else self.worst <= self.limit

    def line(self) -> str:
        bound = "at least" if self.is_least else "at most"
        wanted = "" if self.limit is None else f" ({bound} {self.limit:g})"
        return (
            f"  {self.what:<56} {statistics.median(self.values):>8.2f} {self.unit}, the worst {self.worst:.2f}"
            f"{wanted}{'' if self.holds else '  <- not met'}\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", choices=sorted(MEASURES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        row
        for name, measure in MEASURES.items()
        if options.only in (None, name)
        for row in with_engine(options.database, measure, options.times)
    ]
    if options.json:
        sys.stdout.write(json.dumps({row.what: row.values for row in rows}) + "\n")
        return
    sys.stdout.write(f"two workers, {CONNECTIONS} connections, {options.database}\n")
    for row in rows:
        sys.stdout.write(row.line())


@dataclass
class Bench:
    """A running engine, and an app in this process on the same database."""

    engine: Engine
    app: Flask
    _number: int = 0

    def prepare(self, port: int, people: str) -> int:
        """A campaign to that list over a new server at that port; its id."""
        self._number += 1
        return self.engine.prepare(f"reactions-{self._number}-{port}", port, people)

    def send_now(self, campaign_id: int) -> float:
        """As `campaign schedule ID --grace 0` does; the moment of the commit."""

        def work() -> None:
            now = clock.now()
            planning_services.schedule(planning_queries.campaign(campaign_id), at=now, now=now)

        return self._do(work)

    def pause(self, campaign_id: int) -> float:
        """As `campaign pause ID` does; the moment of the commit."""

        def work() -> None:
            campaign = planning_queries.campaign(campaign_id)
            delivery_services.pause(campaign, reason=PauseReason.OPERATOR, detail=None, now=clock.now())

        return self._do(work)

    def cancel(self, campaign_id: int) -> float:
        """As `campaign cancel ID` does; the moment of the commit."""
        return self._do(
            lambda: delivery_services.cancel(planning_queries.campaign(campaign_id), now=clock.now())
        )

    def give_up(self, campaign_id: int) -> None:
        """Cancel it unless it has finished, and let the workers come to rest."""
        with contextlib.suppress(Conflict):
            self.cancel(campaign_id)
        time.sleep(REST_S)

    def command(self, *arguments: str) -> None:
        """A command as a process of its own, as an operator runs it."""
        site = self.engine.site
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        subprocess.run(command, cwd=ROOT, env=site.environ, check=True, stdout=subprocess.DEVNULL)

    def sent(self, campaign_id: int) -> int:
        """How many recipients the ledger calls sent."""
        of_it = sa.and_(Delivery.campaign_id == campaign_id, Delivery.state == State.SENT)
        with self.app.app_context(), db.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(Delivery).where(of_it)) or 0

    def _do(self, work: Callable[[], object]) -> float:
        with self.app.app_context():
            work()
            db.session.commit()
            at = time.monotonic()
            queue.nudge()
            db.session.remove()
        return at


@dataclass
class Counter:
    """Counts what a sink has accepted, all the time: `at` gives the number at a moment."""

    port: int
    seen: list[tuple[float, int]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Counter:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def at(self, moment: float) -> int:
        return max((number for at, number in self.seen if at <= moment), default=0)

    @property
    def number(self) -> int:
        return self.seen[-1][1] if self.seen else 0

    def until(self, number: int) -> float:
        """Wait for so many; the moment at which they were there."""
        deadline = time.monotonic() + PATIENCE_S
        while self.number < number:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {self.number} of {number} messages arrived")
            time.sleep(0.005)
        return next(at for at, each in self.seen if each >= number)

    def settled(self) -> int:
        """Wait until nothing more comes; the number."""
        before, since = self.number, time.monotonic()
        while time.monotonic() - since < SETTLED_S:
            time.sleep(0.05)
            if self.number != before:
                before, since = self.number, time.monotonic()
        return before

    def _run(self) -> None:
        with (
            socket.create_connection(("127.0.0.1", self.port), 5) as connection,
            connection.makefile("rwb") as file,
        ):
            file.readline()
            while not self._over.wait(0.01):
                file.write(b"XSTAT\r\n")
                file.flush()
                answer = file.readline().split()
                if len(answer) < 2:
                    return
                self.seen.append((time.monotonic(), int(answer[1])))


@contextmanager
def a_sink(port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = sink.start(port, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# -- the measures


def send_now(bench: Bench, times: int) -> list[Row]:
    """From the commit of "send now" to the first mail at the sink; and with the command around it."""
    people = bench.engine.load(1000)
    waits: list[float] = []
    with_command: list[float] = []
    for number in range(2 * times):
        port = free_port()
        with a_sink(port):
            campaign_id = bench.prepare(port, people)
            time.sleep(REST_S)
            if number % 2:
                asked = time.monotonic()
                bench.command("campaign", "schedule", str(campaign_id), "--grace", "0")
            else:
                asked = bench.send_now(campaign_id)
            with Counter(port) as counter:
                counter.until(1)
            (with_command if number % 2 else waits).append(sink.stat(port)[1] - asked)
            bench.engine.site.until(campaign_id, "finished")
    return [
        Row("send now: the first mail", "s", waits, 1.0),
        Row("... from the start of the command, which loads itself", "s", with_command),
    ]


def stop(bench: Bench, times: int) -> list[Row]:
    """From SIGTERM in mid-send to the end of the workers; and whether everybody gets the mail once after all."""
    return [
        *_stop(bench, times, "600 a second", 4000, 1200, RATE_DELAY_S),
        *_stop(bench, times, "each answer takes a second", 60, 20, 1.0),
    ]


def _stop(bench: Bench, times: int, how: str, size: int, after: int, delay_s: float) -> list[Row]:
    people = bench.engine.load(size)
    waits, wrong = [], []
    for _time in range(times):
        port = free_port()
        with a_sink(port, delay_s=delay_s, chunking=False), Counter(port) as counter:
            campaign_id = bench.prepare(port, people)
            bench.send_now(campaign_id)
            counter.until(after)
            workers = bench.engine.site.children("worker")
            parents = [each for each in workers if _parent(each) not in workers]
            asked = time.monotonic()
            for each in parents:
                os.kill(each, signal.SIGTERM)
            waits.append(max(_ended(each) - asked for each in parents))
            bench.engine.site.until(campaign_id, "finished")
            sent = bench.sent(campaign_id)
            wrong.append(float(abs(counter.settled() - size) + abs(sent - size)))
    return [
        Row(f"SIGTERM, {how}: the workers have ended", "s", waits, 2.0),
        Row("... mails lost or sent twice", "mails", wrong, 0),
    ]


def pause(bench: Bench, times: int) -> list[Row]:
    """Mails that a server of 600 a second, and one as fast as can be, accepts after the commit of a pause."""
    return [
        _pause(bench, times, 20_000, 3000, 300, delay_s=RATE_DELAY_S, chunking=False),
        _pause(bench, times, 60_000, 10_000, None),
    ]


def _pause(bench: Bench, times: int, size: int, before: int, limit: float | None, **options: Any) -> Row:
    people, after, rates = bench.engine.load(size), [], []
    for _time in range(times):
        port = free_port()
        with a_sink(port, **options), Counter(port) as counter:
            campaign_id = bench.prepare(port, people)
            bench.send_now(campaign_id)
            counter.until(before)
            asked = bench.pause(campaign_id)
            rates.append(counter.at(asked) - counter.at(asked - 1))
            after.append(float(counter.settled() - counter.at(asked)))
            bench.give_up(campaign_id)
    return Row(f"mails after a pause, at {statistics.median(rates):.0f} a second", "mails", after, limit)


def outage(bench: Bench, times: int) -> list[Row]:
    """From the return of a server that was away for ten seconds to its next mail."""
    people, waits = bench.engine.load(100_000), []
    for _time in range(times):
        port = free_port()
        with a_sink(port, delay_s=RATE_DELAY_S, chunking=False) as process:
            campaign_id = bench.prepare(port, people)
            with Counter(port) as counter:
                bench.send_now(campaign_id)
                counter.until(2000)
                process.kill()
                process.wait()
        time.sleep(AWAY_S)
        with a_sink(port, delay_s=RATE_DELAY_S, chunking=False):
            back = time.monotonic()
            with Counter(port) as counter:
                waits.append(counter.until(20) - back)
            bench.give_up(campaign_id)
    return [Row(f"a server away for {AWAY_S:.0f} s: sending again", "s", waits, 10.0)]


def distant(bench: Bench, times: int) -> list[Row]:
    """Ten connections, 40 ms away, by DATA."""
    rates = []
    people, size = bench.engine.load(8000), 8000
    way = engine.Way("distant", chunking=False, delay_s=0.04)
    for _time in range(times):
        rates.append(bench.engine.send(way, to=people, people=size).per_s)
    return [Row("40 ms away, ten connections, by DATA", "/s", rates, 235, is_least=True)]


MEASURES: dict[str, Callable[[Bench, int], list[Row]]] = {
    "send-now": send_now,
    "stop": stop,
    "pause": pause,
    "outage": outage,
    "distant": distant,
}


def with_engine(kind: str, measure: Callable[[Bench, int], list[Row]], times: int) -> list[Row]:
    """One measure on an engine of its own."""
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, ground.database(kind) as found:
        place = {"database_url": found.url, "postmaster": found.postmaster}
        with engine.running(Path(folder), **place, workers=2, connections=CONNECTIONS) as running:
            app = create_app(from_env(running.site.environ))
            return measure(Bench(running, app), times)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def _ended(pid: int) -> float:
    """Wait until the process has ended; the moment."""
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists() and _state(pid) != "Z":
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {pid} did not end")
        time.sleep(0.01)
    return time.monotonic()


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


if __name__ == "__main__":
    main()
