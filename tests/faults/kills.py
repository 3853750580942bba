"""kill -9 of every process of the app, at many points of a send."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

from tests.faults.faults import fault
from tests.faults.sink import CHUNKED, Sink
from tests.faults.units import Unit, until_gone
from tests.faults.world import CONNECTIONS, Mailing, Report, World

KILLS, KILLS_IN_CUT = 8, 3
DEPTH = 10  # messages in flight on a connection with CHUNKING
LONGEST_PAUSE_S = 0.4
_dice = random.Random(7)


def kill_again_and_again(mailing: Mailing, kill: Callable[[], bool], *, times: int) -> list[float]:
    """Kill at random moments of a send, each time after it has continued; returns the times."""
    moments: list[float] = []
    world = mailing.world
    mailing.goes_on()
    while len(moments) < times and mailing.accepted < len(mailing.wanted):
        world.wait(_dice.uniform(0, LONGEST_PAUSE_S))
        if kill():
            moments.append(time.time())
            mailing.goes_on()
    return moments


def _horse(world: World) -> bool:
    """kill -9 of a busy work horse; False if none was busy."""
    busy = [worker.horse for worker in world.workers if worker.horse]
    if not busy:
        return False
    pid = _dice.choice(busy)
    assert pid
    os.kill(pid, signal.SIGKILL)
    until_gone(pid)
    return True


def _busy(world: World) -> Unit | None:
    return next((each for each in _dice.sample(world.workers, 2) if each.horse), None)


def _run(world: World, name: str, kill: Callable[[], bool], *, depth: int = 1, times: int = KILLS) -> Report:
    keywords = CHUNKED if depth > 1 else None
    with Sink(**({"keywords": keywords} if keywords else {})) as sink:
        mailing = world.mailing(sink)
        times = KILLS_IN_CUT if world.is_cut else times
        moments = kill_again_and_again(mailing, kill, times=times)
        mailing.ends()
        return mailing.report(
            name, moments, bound=len(moments) * CONNECTIONS * depth, least_injected=min(times, 3)
        )


@fault("kill -9 work horse", cut="sqlite")
def horse(world: World) -> Report:
    return _run(world, "kill -9 work horse", lambda: _horse(world))


@fault("kill -9 work horse, CHUNKING")
def horse_chunked(world: World) -> Report:
    return _run(world, "kill -9 work horse, CHUNKING", lambda: _horse(world), depth=DEPTH)


@fault("kill -9 worker with its horse", cut="postgres")
def worker_tree(world: World) -> Report:
    def kill() -> bool:
        worker = _busy(world)
        if worker:
            worker.kill_tree()
        return worker is not None

    return _run(world, "kill -9 worker with its horse", kill, times=5)


@fault("kill -9 worker, not its horse")
def worker_parent(world: World) -> Report:
    def kill() -> bool:
        worker = _busy(world)
        if worker:
            worker.kill()
        return worker is not None

    return _run(world, "kill -9 worker, not its horse", kill, times=5)


@fault("kill -9 all workers and dispatcher")
def everything(world: World) -> Report:
    def kill() -> bool:
        for unit in (*world.workers, world.dispatcher):
            unit.kill_tree()
        return True

    return _run(world, "kill -9 all workers and dispatcher", kill, times=3)


@fault("kill -9 dispatcher")
def dispatcher(world: World) -> Report:
    def kill() -> bool:
        is_running = world.until(lambda: world.dispatcher.is_running, timeout_s=10)
        if is_running:  # the previous fault may have ended it too
            world.dispatcher.kill()
        return is_running

    with Sink() as sink:
        mailing = world.mailing(sink)
        moments = []
        for _time in range(3):  # around the launch: before, during, after
            world.wait(_dice.uniform(0, 0.3))
            kill()
            moments.append(time.time())
        moments += kill_again_and_again(mailing, kill, times=4)
        mailing.ends()
        return mailing.report("kill -9 dispatcher", moments, target_s=15 + 10)
