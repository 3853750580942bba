"""Processes of the app as units that can be killed, frozen, stopped and started like services."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.running import ROOT

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
RESTART_S = 1.0
FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")


class Unit:
    """One service. `look_after` restarts it when it has died, as systemd would."""

    def __init__(self, name: str, command: Sequence[str], environ: dict[str, str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.environ = environ
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.is_wanted = False
        self.started_at = 0.0

    def start(self) -> None:
        """Start it in its own session; it dies with this process."""
        self.is_wanted = True
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def look_after(self) -> bool:
        """Start it again if it has died; True if it had."""
        if self.is_wanted and not self.is_running and time.monotonic() > self.started_at + RESTART_S:
            self.start()
            return True
        return False

    def kill(self) -> None:
        """kill -9 of the one process."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.process
        self.process.wait(10)

    def kill_tree(self) -> None:
        """kill -9 of the process and all its descendants at once."""
        for pid in [self.pid, *descendants(self.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self.process
        self.process.wait(10)

    def stop(self, *, timeout_s: float = 60) -> int:
        """SIGTERM; returns the exit code. It is not restarted."""
        self.is_wanted = False
        if self.process is None:
            return 0
        if self.is_running:
            self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill_tree()
            raise AssertionError(f"{self.name} did not stop within {timeout_s:.0f} s") from None

    def end(self) -> None:
        """Kill it for good."""
        self.is_wanted = False
        if self.is_running:
            self.kill_tree()

    @property
    def horse(self) -> int | None:
        """The id of the work horse that this worker has forked for a job; None without one."""
        found = children(self.pid) if self.is_running else []
        return found[0] if found else None


def children(pid: int) -> list[int]:
    """Ids of its child processes, whichever of its threads started them."""
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(each) for each in listed.read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """Ids of all its descendants."""
    below = children(pid)
    return below + [each for child in below for each in descendants(child)]


def until_gone(pid: int, *, timeout_s: float = 5) -> None:
    """Wait for the end of a process that is not our child."""
    deadline = time.monotonic() + timeout_s
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.005)


def die_with_parent() -> None:
    """Have this process killed when its parent ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
