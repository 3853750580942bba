"""A disk that fills up in mid-send: a small one of its own, with all data on it."""

from __future__ import annotations

import errno
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.planning.models import PauseReason, Status
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.world import CONNECTIONS, Report, World

MIB = 1 << 20
SIZES = {"sqlite": 96 * MIB, "postgres": 320 * MIB}
SLOW_S = 0.02
FULL_FOR_S = 5.0
NAME = "the disk is full in mid-send"


@fault(NAME)
def full(world: World) -> Report:
    """Nothing can be recorded, so nothing may be sent; with free space again, it continues."""
    with (
        _small_disk(SIZES[world.database]) as disk,
        World(world.database, people=world.people, root=disk) as small,
        Sink(slow_s=SLOW_S) as sink,
    ):
        mailing = small.mailing(sink)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        ballast = _fill(disk)
        at_first = mailing.accepted
        small.wait(FULL_FOR_S)
        went_out = mailing.accepted - at_first
        ballast.unlink()
        if small.postgres:
            small.postgres.start()  # it may have stopped for lack of space
        back = time.time()
        if mailing.campaign() == (Status.PAUSED, PauseReason.DISK):
            mailing.resume()
        mailing.ends()
        report = mailing.report(NAME, [back], bound=CONNECTIONS * len(small.workers) * 2)
        if went_out > len(mailing.wanted) // 2:
            report.problems.append(f"{went_out} mails went out while nothing could be recorded")
        return report


@contextmanager
def _small_disk(size: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="columba-faults-disk-") as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False)
        if mounted.returncode:
            raise AssertionError("A small disk can't be mounted. Run the faults as root.")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


def _fill(disk: Path) -> Path:
    """A file that fills the disk, including space that is freed meanwhile."""
    ballast = disk / "ballast"
    piece = bytes(MIB)
    with ballast.open("wb", buffering=0) as file:
        while piece:
            try:
                file.write(piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece = piece[: len(piece) // 2]
    return ballast
