"""`up`: what its processes share, and that each of them may die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from bench import usage
from campaigns.core.config import private_redis_url
from tests.cli.processes import ROOT, is_alive, wait_until
from tests.running import Running
from tests.webserver.running import get

LOADED = """
import json, os, sys, threading
from pathlib import Path
before = set(os.listdir("/proc/self/fd"))
from campaigns import everything
everything.load()
left = [os.readlink(f"/proc/self/fd/{each}") for each in set(os.listdir("/proc/self/fd")) - before
        if os.path.exists(f"/proc/self/fd/{each}")]
print(json.dumps({"threads": len(os.listdir("/proc/self/task")), "left": left, "modules": sorted(sys.modules)}))
"""
MOST_AT_REST_MIB = 250
PARTS = ("test inbox", "web", "dispatcher", "worker 1", "worker 2", "reader")


def test_what_is_forked_has_one_thread_and_no_connection(tmp_path: Path) -> None:
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["threads"], found["left"]) == (1, [])
    assert {"campaigns.delivery.jobs", "campaigns.planning.views"} <= set(found["modules"])


@pytest.mark.slow
@pytest.mark.xdist_group("journeys")
def test_each_process_of_up_may_die_and_all_together_are_small(tmp_path: Path) -> None:
    with Running(tmp_path / "data", workers=2) as site:
        at_work = redis.Redis.from_url(private_redis_url(site.data_dir))
        wait_until(lambda: at_work.scard("rq:workers") == 3, timeout_s=60)
        pids = {name: site.children(name)[0] for name in PARTS}
        # At rest: what the start needed for itself is given back within seconds.
        wait_until(lambda: usage.family_pss_mib(site.process.pid) <= MOST_AT_REST_MIB, timeout_s=60)
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: followed(site, pids), timeout_s=60)
        wait_until(lambda: answers(site.port), timeout_s=60)
        left = [each for name in PARTS for each in site.children(name)]
        site.process.kill()
        site.process.wait(30)
        wait_until(lambda: not any(map(is_alive, left)), timeout_s=90)


def followed(site: Running, pids: dict[str, int]) -> bool:
    return all((found := site.children(name)) and pid not in found for name, pid in pids.items())


def answers(port: int) -> bool:
    try:
        status, *_rest = get(port, "/health")
    except (OSError, ValueError, IndexError):
        return False
    return status == 200
