"""Faults of restored backups, and of a data folder that is started a second time."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.core.db import db
from campaigns.planning.models import PauseReason, Status
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.stores import PrivateRedis
from tests.faults.units import FLASK, Unit
from tests.faults.world import CONNECTIONS, START_S, Report, World

SLOW_S = 0.02
SILENCE_S = 3.0
PAUSED = (Status.PAUSED, PauseReason.RESTORED)


@fault("a backup restored in mid-send")
def restored(world: World) -> Report:
    """What was sent since the backup is unknown: nothing may be sent until an operator confirms it."""
    with Sink(slow_s=SLOW_S) as sink:
        mailing = world.mailing(sink)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        with _at_rest(world):
            known = mailing.accepted
            copy = _back_up(world)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        world.wait(SILENCE_S)  # the folder stores the database's number every few seconds
        with _at_rest(world):
            forgotten = mailing.accepted - known
            _put_back(world, copy)
        back = time.time()
        mailing.ends(Status.PAUSED)
        recovery = time.time() - back
        problems = (
            [] if mailing.campaign() == PAUSED else [f"it is not paused as restored: {mailing.words()}"]
        )
        before = mailing.accepted
        world.wait(SILENCE_S)
        if mailing.accepted != before or before != known + forgotten:
            problems.append("mails went out before an operator had looked at it")
        mailing.resume()
        mailing.ends()
        report = mailing.report(
            "a backup restored in mid-send",
            [back],
            bound=forgotten + CONNECTIONS * len(world.workers),
            recovery_s=recovery,
            knows_all=False,
        )
        report.problems += problems
        return report


@fault("a copied data folder started as well", databases=("sqlite",))
def cloned(world: World) -> Report:
    with Sink(slow_s=SLOW_S) as sink:
        mailing = world.mailing(sink)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        with _at_rest(world):
            twin = Path(f"{world.folder}-copy")
            shutil.copytree(world.folder, twin, ignore=shutil.ignore_patterns("*.sock", "*.log"))
        started = time.time()
        with _started(world, twin):
            paused_at = _until_paused(world, twin, mailing.campaign_id)
            mailing.ends()
            world.wait(SILENCE_S)
        report = mailing.report(
            "a copied data folder started as well", [started], recovery_s=(paused_at or started) - started
        )
        if paused_at is None:
            report.problems.append("the copy is not paused")
        return report


@contextmanager
def _at_rest(world: World) -> Iterator[None]:
    """Everything is stopped cleanly, and started again afterwards."""
    wanted = [unit for unit in world.units if unit.is_wanted]
    for unit in wanted:
        unit.stop()
    with world.app.app_context():
        db.session.remove()
        db.engine.dispose()
    yield
    for unit in wanted:
        unit.start()


def _back_up(world: World) -> Path:
    copy = world.folder.with_name(f"{world.folder.name}-backup")
    if world.postgres:
        world.postgres.back_up(copy)
        return copy
    with sqlite3.connect(world.folder / "columba.db") as now, sqlite3.connect(copy) as then:
        now.backup(then)
    return copy


def _put_back(world: World, copy: Path) -> None:
    if world.postgres:
        world.postgres.put_back(copy)
        return
    for end in ("-wal", "-shm"):
        (world.folder / f"columba.db{end}").unlink(missing_ok=True)
    subprocess.run(["cp", copy, world.folder / "columba.db"], check=True)
    copy.unlink()


@contextmanager
def _started(world: World, folder: Path) -> Iterator[None]:
    """A second installation on that folder, with its own Redis."""
    redis = PrivateRedis(folder)
    redis.start()
    environ = {
        **world.environ,
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'columba.db'}",
        "REDIS_URL": redis.url,
    }
    units = [Unit(f"copy's {name}", [*FLASK, name], environ, folder / f"{name}.log") for name in _ROLES]
    try:
        for unit in units:
            unit.start()
        yield
    finally:
        for unit in units:
            unit.end()
        redis.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _until_paused(world: World, folder: Path, campaign_id: int) -> float | None:
    """When the copy's campaign was paused as restored; None if it was not."""

    def is_paused() -> bool:
        with sqlite3.connect(f"file:{folder / 'columba.db'}?mode=ro", uri=True, timeout=10) as connection:
            asked = "SELECT status, pause_reason FROM campaign WHERE id = ?"
            return connection.execute(asked, (campaign_id,)).fetchone() == tuple(map(str, PAUSED))

    return time.time() if world.until(is_paused, timeout_s=START_S, pause_s=0.1) else None


_ROLES = ("dispatcher", "worker")
