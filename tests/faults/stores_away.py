"""Redis flushed, killed, down and full; connections cut, PostgreSQL stopped and frozen, SQLite locked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from campaigns.planning.models import Status
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.units import until_gone
from tests.faults.world import CONNECTIONS, LEASE_S, Report, World

REDIS_BACK_S = 15  # G6
AWAY_S, AWAY_IN_CUT_S = 60.0, 3.0
LONG_AWAY_S = 75.0
MISSED_S = 14.0  # a worker checks its work horse every 10 s
FULL_S = 12.0
SLOW_S = 0.1
QUICK_S = 0.005


@fault("Redis: FLUSHALL every second", cut="sqlite")
def flushed(world: World) -> Report:
    with Sink(slow_s=0.015) as sink:
        mailing = world.mailing(sink)
        moments: list[float] = []
        while mailing.accepted < len(mailing.wanted) and len(moments) < 30:
            world.redis.client().flushall()
            moments.append(time.time())
            world.wait(1)
        mailing.ends()
        return mailing.report(
            "Redis: FLUSHALL every second", moments, target_s=REDIS_BACK_S, least_injected=3
        )


@fault("Redis: kill -9 without persistence", cut="postgres")
def killed(world: World) -> Report:
    with Sink(slow_s=0.02) as sink:
        mailing = world.mailing(sink)
        moments = []
        for _time in range(3):
            mailing.goes_on(more=len(mailing.wanted) // 10)
            world.redis.kill()
            world.wait(1)
            world.redis.start()
            moments.append(time.time())
        mailing.ends()
        return mailing.report("Redis: kill -9 without persistence", moments, target_s=REDIS_BACK_S)


@fault("Redis: away, and the work horses killed", cut="postgres")
def away(world: World) -> Report:
    """The wake-ups are lost with it, so only its return starts new lanes."""
    seconds = AWAY_IN_CUT_S if world.is_cut else AWAY_S
    redis = world.redis
    return _without_redis(world, "Redis: away, and the work horses killed", redis.kill, redis.start, seconds)


@fault("Redis: away while lanes run")
def away_under_lanes(world: World) -> Report:
    """For longer than a worker leaves its work horse alone: neither ends, and no message is in doubt."""
    name = "Redis: away while lanes run"
    with Sink(slow_s=SLOW_S) as sink:
        mailing = world.mailing(sink)
        mailing.goes_on(more=20)
        workers = [worker.pid for worker in world.workers]
        world.redis.kill()
        world.wait(MISSED_S)
        world.redis.start()
        back = time.time()
        sink.slow_s = QUICK_S
        mailing.ends()
        report = mailing.report(name, [back], target_s=REDIS_BACK_S)
        if [worker.pid for worker in world.workers] != workers:
            report.problems.append("a worker has quit")
        return report


@fault("Redis: away for 75 s, the workers idle")
def away_from_idle_workers(world: World) -> Report:
    """The longer it is down, the less often a worker tries: but often enough for the first message."""
    with Sink() as sink:
        world.redis.kill()
        world.wait(LONG_AWAY_S)
        mailing = world.mailing(sink)
        world.until(lambda: mailing.campaign()[0] is Status.SENDING, timeout_s=30)
        world.redis.start()
        back = time.time()
        mailing.ends()
        return mailing.report("Redis: away for 75 s, the workers idle", [back], target_s=REDIS_BACK_S)


@fault("Redis: full, refuses to write")
def refusing(world: World) -> Report:
    return _without_redis(
        world,
        "Redis: full, refuses to write",
        lambda: world.redis.fill(evicts=False),
        world.redis.empty,
        FULL_S,
    )


@fault("Redis: full, throws keys away")
def evicting(world: World) -> Report:
    return _without_redis(
        world,
        "Redis: full, throws keys away",
        lambda: world.redis.fill(evicts=True),
        world.redis.empty,
        FULL_S,
    )


def _without_redis(
    world: World, name: str, breaks: Callable[[], None], mends: Callable[[], None], seconds: float
) -> Report:
    """Redis is unusable for a while, in which all lanes end and others should begin."""
    with Sink(slow_s=SLOW_S) as sink:
        mailing = world.mailing(sink)
        mailing.goes_on(more=20)
        breaks()
        for worker in world.workers:
            if horse := worker.horse:
                world.kill(horse)
                until_gone(horse)
        world.wait(seconds)
        mends()
        back = time.time()
        sink.slow_s = QUICK_S
        mailing.ends()
        bound = CONNECTIONS * len(world.workers)
        return mailing.report(name, [back], bound=bound, target_s=REDIS_BACK_S)


@fault("PostgreSQL: connections ended each second", databases=("postgres",), cut="postgres")
def ended(world: World) -> Report:
    assert world.postgres
    with Sink(slow_s=0.015) as sink:
        mailing = world.mailing(sink)
        mailing.goes_on()
        moments: list[float] = []
        while mailing.accepted < len(mailing.wanted) and len(moments) < 30:
            if world.postgres.end_connections():
                moments.append(time.time())
            world.wait(1)
        mailing.ends()
        return mailing.report("PostgreSQL: connections ended each second", moments, least_injected=3)


@fault("PostgreSQL: stopped at once, started", databases=("postgres",))
def stopped(world: World) -> Report:
    assert world.postgres
    with Sink() as sink:
        mailing = world.mailing(sink)
        moments = []
        for _time in range(3):
            mailing.goes_on(more=len(mailing.wanted) // 10)
            world.postgres.stop_at_once()
            time.sleep(1.5)
            world.postgres.start()
            moments.append(time.time())
        mailing.ends()
        return mailing.report(
            "PostgreSQL: stopped at once, started", moments, bound=CONNECTIONS * len(moments), target_s=75
        )


@fault("PostgreSQL: frozen beyond the lease", databases=("postgres",))
def silent(world: World) -> Report:
    """No answer and no broken connection: what a lane has learned meanwhile is in its journal."""
    assert world.postgres
    with Sink(slow_s=0.02) as sink:
        mailing = world.mailing(sink)
        moments = []
        for _time in range(2):
            mailing.goes_on(more=len(mailing.wanted) // 10)
            world.postgres.freeze()
            time.sleep(LEASE_S + 5)
            world.postgres.thaw()
            moments.append(time.time())
        mailing.ends()
        return mailing.report(
            "PostgreSQL: frozen beyond the lease",
            moments,
            bound=CONNECTIONS * len(world.workers) * len(moments),
            target_s=75,
        )


@fault("SQLite: locked by somebody else for 3 s", databases=("sqlite",), cut="sqlite")
def locked(world: World) -> Report:
    with Sink() as sink:
        mailing = world.mailing(sink)
        moments = []
        for _time in range(1 if world.is_cut else 3):
            mailing.goes_on(more=len(mailing.wanted) // 10)
            connection = sqlite3.connect(world.folder / "columba.db", timeout=20, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(3)
            connection.execute("ROLLBACK")
            connection.close()
            moments.append(time.time())
        mailing.ends()
        return mailing.report("SQLite: locked by somebody else for 3 s", moments, target_s=15)
