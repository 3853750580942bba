"""Starts, watches, restarts and stops the child processes of `up`."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from campaigns.cli import forks

SHORTEST_LIFE_S = 5.0
LONGEST_WAIT_S = 30.0
STOP_GRACE_S = 40.0


@dataclass
class Child:
    """A command, or work in a fork, that is kept running. Children with a lower `stop_order` are stopped first."""

    name: str
    command: Sequence[str]
    environ: dict[str, str]
    log: Path
    stop_order: int = 0
    grace_s: float = STOP_GRACE_S
    work: Callable[[], None] | None = None
    not_theirs: Sequence[IO[Any]] = ()
    process: subprocess.Popen[bytes] | forks.Fork | None = None
    started_at: float = 0.0
    failures: int = 0
    start_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it in its own session, so that Ctrl-C reaches only `up`. It is killed when `up` ends."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            if self.work:
                self.process = forks.fork(f"columba {self.name}", self.work, log, self.not_theirs)
            else:
                self.process = self._popen(log)
        self.started_at = time.monotonic()

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 (fixed commands)
            list(self.command),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=forks.die_with_parent,  # noqa: PLW1509 (no threads yet)
        )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def restart_delay(self) -> float:
        """Seconds to wait before the next start: 0 after a long run, growing after each short one."""
        lived = time.monotonic() - self.started_at
        self.failures = 0 if lived > SHORTEST_LIFE_S * 2 else self.failures + 1
        return 0.2 if self.failures <= 1 else min(LONGEST_WAIT_S, 2.0 ** (self.failures - 1))


class Supervisor:
    """Keeps the children running until `stop` is set, then stops them in order."""

    def __init__(self, children: Sequence[Child], *, say: Callable[[str], None]) -> None:
        self.children = list(children)
        self.say = say
        self.stop = threading.Event()

    def start(self) -> None:
        for child in self.children:
            child.start()

    def watch(self) -> None:
        """Restart children that end; returns when `stop` is set."""
        while not self.stop.wait(0.2):
            for child in self.children:
                self._look_after(child)

    def stop_all(self) -> None:
        """Send SIGTERM in stop order, and SIGKILL to those that are still running after their time."""
        for order in sorted({child.stop_order for child in self.children}):
            group = [child for child in self.children if child.stop_order == order and child.is_running]
            for child in group:
                _signal(child, signal.SIGTERM)
            for child in group:
                self._await_end(child)
        for child in self.children:
            _sweep(child)

    def _look_after(self, child: Child) -> None:
        if child.is_running:
            return
        now = time.monotonic()
        if not child.start_at:
            delay = child.restart_delay()
            code = child.process.returncode if child.process else None
            self.say(f"{child.name} ended ({_how(code)}), starting it again. Its log: {child.log}")
            _sweep(child)
            child.start_at = now + delay
        if now >= child.start_at:
            child.start_at = 0.0
            child.start()

    def _await_end(self, child: Child) -> None:
        assert child.process
        try:
            child.process.wait(child.grace_s)
        except subprocess.TimeoutExpired:
            self.say(f"{child.name} did not stop in time and was killed.")
            child.process.kill()
            child.process.wait()


def _signal(child: Child, number: signal.Signals) -> None:
    assert child.process
    try:
        os.kill(child.process.pid, number)
    except ProcessLookupError:
        return


def _sweep(child: Child) -> None:
    """Kill processes that the child has left, such as those of a web server, which keep the port."""
    if child.process is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process = None  # the kernel may reuse its pid


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
