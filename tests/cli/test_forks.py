"""Children that go on with what their parent has loaded. The parent is a process of its own: one thread, like `up`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.processes import ROOT, is_alive, wait_until

PARENT = """
import json, os, signal, sys, time
from pathlib import Path
from campaigns.cli.processes import Child, Supervisor

folder = Path(sys.argv[1])
kept = (folder / "lock").open("w")

def stay():
    found = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "files": [os.readlink(f"/proc/self/fd/{each}") for each in (0, 1, 2)],
        "knows_lock": str(folder / "lock") in [
            os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()
        ],
        "on_term": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        "blocked": [each.name for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "title": Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").decode(),
        "loaded": "json" in sys.modules,
    }
    print(json.dumps(found), flush=True)
    time.sleep(600)

def refuse():
    sys.exit("Error: The port is taken.")

work = {"stay": stay, "refuse": refuse}[sys.argv[2]]
child = Child("worker 1", (), {}, folder / "log", grace_s=10, work=work, not_theirs=(kept,))
supervisor = Supervisor([child], say=lambda sentence: print(sentence, flush=True))
signal.signal(signal.SIGTERM, lambda *_: supervisor.stop.set())
supervisor.start()
supervisor.watch()
supervisor.stop_all()
"""


@contextmanager
def parent(folder: Path, work: str = "stay") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PARENT, str(folder), work]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def children(folder: Path, number: int) -> list[dict[str, Any]]:
    """What each child has said of itself, once there were so many."""
    log = folder / "log"
    wait_until(lambda: log.exists() and log.read_text().count("\n") >= number, timeout_s=60)
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_fork_is_a_process_of_its_own(tmp_path: Path) -> None:
    with parent(tmp_path) as process:
        [child] = children(tmp_path, 1)
        log = str(tmp_path / "log")
        assert child == {
            "pid": child["pid"],
            "session": child["pid"],
            "files": ["/dev/null", log, log],
            "knows_lock": False,
            "on_term": True,
            "blocked": [],
            "title": "columba worker 1",
            "loaded": True,
        }
        assert child["pid"] != process.pid


def test_a_fork_that_is_killed_is_followed_by_another(tmp_path: Path) -> None:
    with parent(tmp_path) as process:
        [first] = children(tmp_path, 1)
        os.kill(first["pid"], signal.SIGKILL)
        _first, second = children(tmp_path, 2)
        assert second["pid"] != first["pid"]
        assert "worker 1 ended (SIGKILL)" in process.stdout.readline()


def test_a_fork_is_stopped_with_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path) as process:
        [child] = children(tmp_path, 1)
        process.terminate()
        assert process.wait(60) == 0
        assert not is_alive(child["pid"])


def test_a_fork_outlives_no_parent_that_is_killed(tmp_path: Path) -> None:
    with parent(tmp_path) as process:
        [child] = children(tmp_path, 1)
        process.kill()
        wait_until(lambda: not is_alive(child["pid"]), timeout_s=60)


def test_what_a_fork_says_at_its_end_stands_in_its_log(tmp_path: Path) -> None:
    with parent(tmp_path, "refuse") as process:
        assert "worker 1 ended (exit code 1)" in process.stdout.readline()
    assert (tmp_path / "log").read_text().splitlines()[0] == "Error: The port is taken."
