"""Senders frozen beyond their lease, two dispatchers, and a restart of each process in turn."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import suppress

from tests.faults import clicks
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.units import FLASK, Unit
from tests.faults.world import CONNECTIONS, LEASE_S, Report, World

FREEZES = 2


@fault("SIGSTOP of a sender beyond its lease")
def frozen(world: World) -> Report:
    """Others take over its recipients; when it wakes it must not finish a single message."""
    with Sink(slow_s=0.02) as sink:
        mailing = world.mailing(sink)
        moments = []
        for _time in range(FREEZES):
            mailing.goes_on(more=len(mailing.wanted) // 10)
            horse = _frozen(world)
            if horse is None:
                continue
            moments.append(time.time())
            world.wait(LEASE_S + 3)
            with suppress(ProcessLookupError):
                os.kill(horse, signal.SIGCONT)
        mailing.ends()
        return mailing.report(
            "SIGSTOP of a sender beyond its lease",
            moments,
            bound=CONNECTIONS * len(moments),
            target_s=LEASE_S + 15,
        )


def _frozen(world: World) -> int | None:
    """The id of a busy work horse, now frozen, but not while it holds SQLite's write lock."""
    for _attempt in range(400):
        horse = next((worker.horse for worker in world.workers if worker.horse), None)
        if horse is None:
            world.wait(0.02)
            continue
        os.kill(horse, signal.SIGSTOP)
        if not _holds_the_database(world):
            return horse
        os.kill(horse, signal.SIGCONT)
        time.sleep(0.003)
    return None


def _holds_the_database(world: World) -> bool:
    if world.database != "sqlite":
        return False
    connection = sqlite3.connect(world.folder / "columba.db", timeout=0.05, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


@fault("two dispatchers, the leader killed each time", cut="sqlite")
def two_dispatchers(world: World) -> Report:
    other = world.unit("dispatcher 2", *FLASK, "dispatcher")
    other.start()
    try:
        return _two(world, other)
    finally:
        other.end()


def _two(world: World, other: Unit) -> Report:
    with Sink() as sink:
        mailing = world.mailing(sink)
        moments = []
        for unit in (world.dispatcher, other, world.dispatcher):
            mailing.goes_on(more=len(mailing.wanted) // 20)
            unit.kill()
            moments.append(time.time())
            world.wait(1)
            other.look_after()
        mailing.ends()
        return mailing.report("two dispatchers, the leader killed each time", moments, target_s=25)


@fault("rolling restart of everything")
def rolling(world: World) -> Report:
    """A deployment: each process is stopped and started again. No one gets two messages."""
    with Sink(slow_s=0.015) as sink:
        clicks.with_web(world)
        mailing = world.mailing(sink)
        moments = []
        mailing.goes_on(more=len(mailing.wanted) // 20)
        for unit in (world.dispatcher, world.web, *world.workers):
            unit.stop()
            unit.start()
            moments.append(time.time())
            world.wait(0.5)
        mailing.ends()
        clicks.with_web(world)  # it ignores signals until it listens
        world.web.stop()
        return mailing.report("rolling restart of everything", moments, bound=0, target_s=20)
