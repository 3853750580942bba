"""Processes of the app that begin with it loaded, forked as those of `up` are from one that does nothing else.

To start Python and load the app takes seconds of processor time, and a fork of what has it takes milliseconds.
Each test process has one forker, once it needs it.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from campaigns.cli import forks

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 1 << 17  # of a request
START_TIMEOUT_S = 240
CLONE_NEWNET, CLONE_NEWUTS = 0x40000000, 0x04000000
OURS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)


class Host(NamedTuple):
    """Where a process runs, if not here: a network namespace, what it finds as its machine's name, and a folder."""

    namespace: str
    name: str
    folder: str


class Forked:
    """A process, with what tests need of `subprocess.Popen`."""

    def __init__(self, pid: int, ending: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = ending  # a pipe that says how it ended

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The same once it has ended; raises TimeoutExpired, the time in seconds."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ending], [], [], timeout)[0]:
            self.returncode = int(os.read(self._ending, 16))
            os.close(self._ending)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Done(NamedTuple):
    """What a command said."""

    returncode: int
    stdout: str
    stderr: str


def command(*arguments: str, environ: Mapping[str, str], input_: str = "", timeout: float = 120) -> Done:
    """Run `flask …` to its end."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        given.write(input_.encode())
        given.seek(0)
        line = ("flask", "--app", "wsgi", *arguments)
        process = start("flask.cli", *line, environ=environ, files=(given, out, said))
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        for each in (out, said):
            each.seek(0)
        return Done(code, out.read().decode(), said.read().decode())


def start(
    module: str,
    *line: str,
    environ: Mapping[str, str],
    files: tuple[IO[Any], IO[Any], IO[Any]],
    host: Host | None = None,
) -> Forked:
    """`main()` of a module in a process of its own, with that command line, environment, and standard files."""
    reading, writing = os.pipe()
    request = {"module": module, "line": line, "environ": dict(environ), "host": host}
    channel = _forker()
    socket.send_fds(channel, [json.dumps(request).encode()], [*(each.fileno() for each in files), writing])
    os.close(writing)
    return Forked(int(channel.recv(16)), reading)


@cache
def _forker() -> socket.socket:
    """The way to this process's forker, which ends when that is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryDirectory() as folder, theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.forker", str(theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": folder, "DATABASE_URL": "", "PYTHONUNBUFFERED": "1"},
            pass_fds=[theirs.fileno()],
        )
        ours.settimeout(START_TIMEOUT_S)
        assert ours.recv(16) == b"loaded"
    return ours


# -- in the forker


def main() -> None:
    """Load the app, and fork for each request until nobody can ask any more."""
    from campaigns import everything
    from campaigns.cli.commands import COMMANDS

    everything.load()
    for place in COMMANDS.values():
        import_module(place.module)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        channel.send(b"loaded")
        _serve(channel)


def _serve(channel: socket.socket) -> None:
    endings: dict[int, int] = {}
    waking, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who runs the tests
    signal.set_wakeup_fd(woken)
    while True:
        ready, _, _ = select.select([channel, waking], [], [])
        if waking in ready:
            os.read(waking, 4096)
            _tell_of_ended(endings)
            continue
        said, files, _flags, _address = socket.recv_fds(channel, MOST_BYTES, 4)
        if not said:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, OURS)
        pid = os.fork() or _be_child(json.loads(said), files[:3])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
        endings[pid] = files.pop()
        for each in files:
            os.close(each)
        channel.send(str(pid).encode())


def _tell_of_ended(endings: dict[int, int]) -> None:
    for pid in list(endings):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            ending = endings.pop(pid)
            with suppress(BrokenPipeError):
                os.write(ending, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(ending)


def _be_child(request: dict[str, Any], files: list[int]) -> NoReturn:
    code = 1
    try:
        _settle_in(request, files)
        main: Any = import_module(request["module"]).main
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _settle_in(request: dict[str, Any], files: list[int]) -> None:
    """Be as a process that has just been started with these files and nothing else open."""
    signal.set_wakeup_fd(-1)
    for number, each in enumerate(files):
        os.dup2(each, number)
    os.closerange(3, 1024)
    for each in OURS:
        signal.signal(each, signal.default_int_handler if each is signal.SIGINT else signal.SIG_DFL)
    forks.die_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = list(request["line"])
    forks.call_oneself(" ".join(sys.argv))
    if request["host"]:
        _move_to(Host(*request["host"]))


def _move_to(host: Host) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", host.namespace).open("rb") as namespace:
        failed = libc.setns(namespace.fileno(), CLONE_NEWNET) or libc.unshare(CLONE_NEWUTS)
    if failed:
        raise OSError(ctypes.get_errno(), f"no way to {host}")
    socket.sethostname(host.name)
    os.chdir(host.folder)


if __name__ == "__main__":
    main()
