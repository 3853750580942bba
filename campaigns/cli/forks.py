"""Forks this process, so that children share its loaded modules (copy-on-write)."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BETWEEN_LOOKS_S = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


class Fork:
    """A child process, with the methods of `subprocess.Popen` that are used here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return as `poll`; raises TimeoutExpired after `timeout` seconds."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(BETWEEN_LOOKS_S)
        return code

    def kill(self) -> None:
        """Send SIGKILL unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def fork(title: str, work: Callable[[], None], log: IO[bytes], not_theirs: Iterable[IO[Any]] = ()) -> Fork:
    """Fork a child that runs `work` in its own session and then ends; it is killed when this process ends.

    This process must have one thread and no open connections, because a child would share them. The child's output
    goes to `log`; `not_theirs` are open files that it closes. `title` is what `ps` shows.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    # Signals are blocked until the child has replaced this process's signal handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, OURS)
    try:
        if pid := os.fork():
            return Fork(pid)
        _be_child(parent, title, work, log, not_theirs)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
    raise AssertionError("a child does not come back")


def _be_child(
    parent: int, title: str, work: Callable[[], None], log: IO[bytes], not_theirs: Iterable[IO[Any]]
) -> None:
    code = 1
    try:
        _settle_in(title, log, not_theirs)
        if os.getppid() == parent:  # else the parent ended before die_with_parent took effect
            work()
        code = 0
    except SystemExit as end:
        code = _code_of(end)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _settle_in(title: str, log: IO[bytes], not_theirs: Iterable[IO[Any]]) -> None:
    os.setsid()
    die_with_parent()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number in (1, 2):
        os.dup2(log.fileno(), number)
    for each in (log, *not_theirs):
        each.close()
    for signal_ in OURS:
        signal.signal(signal_, signal.default_int_handler if signal_ is signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
    call_oneself(title)


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, for whatever reason (PR_SET_PDEATHSIG)."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def call_oneself(title: str) -> None:
    """Set this process's command line in `ps`, cut to the length of the old one."""
    start, end = _place_of_arguments()
    if start and end - start > 1:
        text = title.encode()[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, text, len(text))


def _place_of_arguments() -> tuple[int, int]:
    """Start and end address of the command line (proc_pid_stat(5), fields 48 and 49); zeros if not readable."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return int(fields[45]), int(fields[46])
    except (OSError, IndexError):
        return 0, 0
