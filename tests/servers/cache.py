"""Where the servers lie once they are fetched: outside the repository, and outside the system.

A server's folder is complete or not there: it is filled under another name and moved.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FETCH_TIMEOUT_S = 600
_STAMP = ".what"


class Unfetched(Exception):
    """A server can't be had here; the sentence says why."""


def folder() -> Path:
    """Of all servers."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "columba-servers"


def place(name: str) -> Path:
    """Of one server."""
    return folder() / name


def has(name: str, what: str) -> bool:
    """Whether the server lies there, made from exactly that."""
    stamp = place(name) / _STAMP
    return stamp.exists() and stamp.read_text() == what


def fetch(name: str, what: str, fill: Callable[[Path], None]) -> bool:
    """Fill the server's folder; False when it was there already. Raises Unfetched. One process at a time."""
    with _locked():
        if has(name, what):
            return False
        partial = folder() / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        fill(partial)
        (partial / _STAMP).write_text(what)
        shutil.rmtree(place(name), ignore_errors=True)
        partial.rename(place(name))
    return True


def run(*command: str | Path, cwd: Path | None = None, **environ: str) -> str:
    """A command's standard output; raises Unfetched with the last it said."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unfetched(f"{command[0]} can't be run: {error}.") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Unfetched(f"`{' '.join(map(str, command[:3]))} …` failed: {' '.join(last)}")
    return done.stdout


@contextmanager
def _locked() -> Iterator[None]:
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
