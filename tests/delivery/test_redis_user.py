"""What `docs/deploy/redis.acl` grants is enough for all that the app does in Redis, and for little else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from campaigns.cli import redis_server
from campaigns.core import queue, redis_queue
from campaigns.core.db import db
from campaigns.core.jobs import QUEUE
from campaigns.core.limits import limiter
from campaigns.delivery.dispatch.dispatcher import SEND
from campaigns.planning.models import Status
from tests.conftest import make_app, make_config
from tests.delivery.dispatchers import ROOT, started, stopped, until
from tests.delivery.factories import fresh, make_due, states
from tests.factories import make_list
from tests.fakes.smtp_server import SmtpServer
from tests.faults.units import children
from tests.running import free_port

SHIPPED = ROOT / "docs" / "deploy" / "redis.acl"
LATER = {"client|setinfo", "client|no-touch", "waitaof", "hexpire", "hgetdel", "hgetex", "hsetex", "set|ifeq"}
REFUSED = [
    ("EVAL", "return 1", 0),
    ("SCRIPT", "LOAD", "return 1"),
    ("FUNCTION", "LIST"),
    ("CONFIG", "GET", "requirepass"),
    ("ACL", "LIST"),
    ("KEYS", "*"),
    ("FLUSHALL",),
    ("MONITOR",),
    ("MIGRATE", "127.0.0.1", 1, "rq:x", 0, 1),
    ("CLIENT", "LIST"),
    ("PUBLISH", "rq:pubsub:x", "stop"),
    ("GET", "somebody:else"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`host:port` of a Redis with the users that we ship, and one more who may look."""
    port, users = free_port(), tmp_path / "users.acl"
    users.write_text(
        SHIPPED.read_text() + "user looks on >looks resetchannels ~* -@all +acl|log +client +hello +ping\n"
    )
    options = ["--port", str(port), "--bind", "127.0.0.1", "--aclfile", str(users), "--dir", str(tmp_path)]
    process = subprocess.Popen([redis_server.binary(), *options, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not answers(f"redis://looks:looks@127.0.0.1:{port}/0"):
            assert time.monotonic() < deadline and process.poll() is None, "Redis did not start"
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def restricted(sqlite_url: str, tmp_path: Path, server: str) -> Iterator[Flask]:
    """The app as the user that we ship, its limits kept in Redis."""
    config = make_config(tmp_path, sqlite_url, redis_url=f"redis://columba:change-me@{server}/0")
    app = make_app(replace(config, limiter_url=None))
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()


def answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


def refused(server: str) -> list[str]:
    """What the app was refused so far."""
    with redis.Redis.from_url(f"redis://looks:looks@{server}/0") as client:
        found: Any = client.acl_log()
        return [f"{each['object']} ({each['reason']})" for each in found if each["username"] == "columba"]


def leave_behind(jobs: Any) -> None:
    """What a worker finds when another one was killed at bad moments: it tidies up as it starts."""
    for number in (1, 2, 3):
        jobs.enqueue_call(SEND, args=[number], job_id=f"left-{number}", failure_ttl=60)
    client, taken = jobs.connection, jobs.intermediate_queue_key
    client.lrem(jobs.key, 0, "left-1")
    client.rpush(taken, "left-1", "gone")
    client.set(f"{taken}:first_seen:left-1", time.time() - 120)
    client.lrem(jobs.key, 0, "left-2")
    client.zadd(f"rq:wip:{QUEUE}", {"left-2:abc": time.time() - 120, "gone:abc": time.time() - 120})


def kill_work_horse(worker: subprocess.Popen[bytes]) -> None:
    for horse in children(worker.pid):
        os.kill(horse, signal.SIGKILL)


@pytest.mark.slow
def test_the_app_needs_nothing_that_its_user_in_redis_is_not_granted(restricted: Flask, server: str) -> None:
    public = make_list(is_public=True)
    browser = restricted.test_client()
    codes = [browser.post(f"/s/{public.public_id}", data={}).status_code for _ in range(7)]
    assert codes == [422] * 5 + [429] * 2, "counted in Redis"
    assert browser.get("/health").json == {"database": "ok", "redis": "ok"}
    leave_behind(redis_queue.queue(queue.client()))
    with SmtpServer(delay_s=0.02) as smtp:
        campaign = make_due(smtp, people=120)
        db.session.rollback()
        processes = [started(restricted, "dispatcher"), started(restricted, "worker")]
        try:
            until(lambda: len(smtp.messages) > 10)
            kill_work_horse(processes[1])
            until(lambda: fresh(campaign).status is Status.FINISHED)
            until(lambda: not queue.client().exists(f"rq:queue:{QUEUE}:intermediate"))
        finally:
            codes = stopped(processes)
    assert states(campaign) == {"sent": 120}
    assert codes == [0, 0]
    assert refused(server) == []


@pytest.mark.parametrize("command", REFUSED, ids=lambda words: " ".join(map(str, words)))
def test_who_has_its_password_gets_no_further_than_its_keys(
    restricted: Flask, command: tuple[Any, ...]
) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        queue.client().execute_command(*command)


def test_counts_end_with_their_window_and_begin_anew(restricted: Flask) -> None:
    counts = limiter.storage
    assert [counts.incr("k", 100), counts.incr("k", 1), counts.incr("k", 100, amount=3)] == [1, 2, 5]
    assert counts.get("k") == 5
    assert 95 < counts.get_expiry("k") - time.time() <= 100, "the first count began the window"
    counts.clear("k")
    assert counts.get("k") == 0
    assert counts.incr("k", 100) == 1


def test_redis_of_debian_12_knows_every_command_that_is_granted() -> None:
    """It is 7.0, and refuses the whole file for one command that came later."""
    assert not LATER & set(SHIPPED.read_text().replace("+", "").split())


def test_the_containers_grant_the_same() -> None:
    """compose.yaml says it as words of a command, the file for Redis in one line."""
    said = " ".join(re.sub(r'[",]', " ", (ROOT / "compose.yaml").read_text()).split())
    for line in SHIPPED.read_text().splitlines():
        user = line.removeprefix("user ").replace(
            ">change-me", ">${VALKEY_PASSWORD:?Set VALKEY_PASSWORD in .env}"
        )
        assert f"--user {user}" in said
