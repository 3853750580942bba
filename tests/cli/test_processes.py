"""The supervisor of `up`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from campaigns.cli.processes import Child, Supervisor
from tests.cli.processes import is_alive, wait_until

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def make_child(folder: Path, command: list[str], name: str = "sleeper") -> Child:
    return Child(name, command, dict(os.environ), folder / f"{name}.log", grace_s=2)


def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    child = make_child(tmp_path, SLEEPER)
    supervisor = Supervisor([child], say=said.append)
    supervisor.start()
    watcher = threading.Thread(target=supervisor.watch)
    watcher.start()
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: child.is_running and child.process.pid != first)
    supervisor.stop.set()
    watcher.join()
    supervisor.stop_all()
    assert not child.is_running
    assert "SIGKILL" in said[0]


def test_what_a_killed_child_has_started_goes_with_it(tmp_path: Path) -> None:
    """A web server's processes outlive it, and keep the port from the next one."""
    left_behind = tmp_path / "left-behind"
    below = f"{SLEEPER[0]} -c 'import time; time.sleep(60)' & echo $! >> {left_behind}; exec sleep 60"
    child = make_child(tmp_path, ["sh", "-c", below])
    supervisor = Supervisor([child], say=lambda _sentence: None)
    supervisor.start()
    watcher = threading.Thread(target=supervisor.watch)
    watcher.start()

    def started() -> list[int]:
        return [int(each) for each in left_behind.read_text().split()] if left_behind.exists() else []

    wait_until(lambda: len(started()) == 1)
    os.kill(child.process.pid, signal.SIGKILL)
    wait_until(lambda: len(started()) == 2)
    wait_until(lambda: not is_alive(started()[0]))
    assert is_alive(started()[1])
    supervisor.stop.set()
    watcher.join()
    supervisor.stop_all()
    wait_until(lambda: not is_alive(started()[1]))


def test_what_a_child_has_started_goes_with_it_if_it_dies_just_before_the_stop(tmp_path: Path) -> None:
    left_behind = tmp_path / "left-behind"
    below = f"sleep 60 & echo $! > {left_behind}; exec sleep 60"
    child = make_child(tmp_path, ["sh", "-c", below])
    supervisor = Supervisor([child], say=lambda _sentence: None)
    supervisor.start()
    wait_until(lambda: left_behind.exists() and left_behind.read_text().strip())
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    supervisor.stop_all()
    wait_until(lambda: not is_alive(int(left_behind.read_text())))


def test_a_child_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    child = make_child(tmp_path, [sys.executable, "-c", "raise SystemExit(3)"])
    child.start()
    delays = []
    for _ in range(6):
        child.process.wait()
        delays.append(child.restart_delay())
    assert delays == sorted(delays)
    assert delays[0] < 1 < delays[-1] <= 30


def test_children_are_stopped_in_order_and_the_stubborn_are_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    first = make_child(tmp_path, SLEEPER, "first")
    last = make_child(tmp_path, [sys.executable, "-c", stubborn], "last")
    last.stop_order, last.grace_s = 1, 0.3
    said: list[str] = []
    supervisor = Supervisor([last, first], say=said.append)
    supervisor.start()
    wait_until(lambda: "up" in (tmp_path / "last.log").read_text())
    supervisor.stop_all()
    assert not first.is_running
    assert not last.is_running
    assert said == ["last did not stop in time and was killed."]
