"""Children of this process that go on with what it has loaded, and so share its memory until they write to it."""

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
    """A child, with what is needed of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same once it has ended; raises TimeoutExpired, the time in seconds."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(BETWEEN_LOOKS_S)
        return code

    def kill(self) -> None:
        """SIGKILL, unless it has ended already."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def fork(title: str, work: Callable[[], None], log: IO[bytes], not_theirs: Iterable[IO[Any]] = ()) -> Fork:
    """Have a child do the work in a session of its own, and end with it. It ends when this process does.

    Only for a process with one thread and no connection: a child would have half of each. What it writes goes
    to the log; `not_theirs` are open files that it must not keep.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    # A signal that comes before the child has settled in waits until then, instead of going to our handlers there.
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
        if os.getppid() == parent:  # else it has died before it could take us with it
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
    """Let the kernel end this process as soon as its parent has ended, however that did."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def call_oneself(title: str) -> None:
    """What `ps` shows as this process's command, as far as it fits in the place of the old one."""
    start, end = _place_of_arguments()
    if start and end - start > 1:
        text = title.encode()[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, text, len(text))


def _place_of_arguments() -> tuple[int, int]:
    """Where the kernel reads them (proc_pid_stat(5), fields 48 and 49); zeros where it won't say."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return int(fields[45]), int(fields[46])
    except (OSError, IndexError):
        return 0, 0
