"""The web server as it is started: one process, or several that are begun again when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.running import ROOT, free_port
from tests.webserver.running import get, wait_for


@contextmanager
def started(folder: Path, database: str, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    environ = {
        **os.environ,
        "DATA_DIR": str(folder),
        "DATABASE_URL": database,
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    command = [sys.executable, "-m", "campaigns.webserver", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        wait_for(lambda: answers(port))
        yield port, process
    finally:
        process.kill()
        process.wait(30)


def answers(port: int) -> bool:
    with suppress(OSError, ValueError, IndexError):
        return get(port, "/health")[0] == 200
    return False


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
def test_several_processes_share_a_port_and_each_that_ends_is_followed(
    tmp_path: Path, sqlite_url: str
) -> None:
    with started(tmp_path, sqlite_url, "--processes", "2") as (port, process):
        before = children_of(process.pid)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(set(children_of(process.pid)) - set(before)) == 1)
        assert get(port, "/sign-in")[0] == 200
        assert get(port, "/sign-in", "Host: evil.example")[0] in (400, 421)
        children = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert [each for each in children if Path(f"/proc/{each}").exists()] == []
