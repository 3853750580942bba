"""A worker whose Redis is away, comes back empty, or holds what is no job of ours: it costs seconds and nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Callback

from campaigns.core import queue, redis_queue
from campaigns.core.db import db
from campaigns.delivery.dispatch.dispatcher import SEND
from campaigns.delivery.models import Attempt
from campaigns.planning.models import Status
from tests.conftest import make_app, make_config
from tests.delivery.dispatchers import started, stopped, until
from tests.delivery.factories import copies, fresh, make_due, make_launched, states
from tests.fakes.smtp_server import SmtpServer
from tests.faults.stores import PrivateRedis

# In one test process: each that starts some loads the app for them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

# Longer than a worker leaves its job alone, so that it misses Redis while a lane runs.
AWAY_S = 13.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """A Redis that a test may kill."""
    made = PrivateRedis(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def redis_app(sqlite_url: str, tmp_path: Path, redis: PrivateRedis) -> Iterator[Flask]:
    app = make_app(make_config(tmp_path, sqlite_url, redis_url=redis.url))
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()


def test_g6_a_lane_goes_on_without_redis_and_nobody_is_in_doubt(
    redis_app: Flask, redis: PrivateRedis
) -> None:
    with SmtpServer(delay_s=0.15) as server:
        campaign = make_launched(server, people=400, connections=1)
        queue.enqueue(SEND, 1)
        db.session.rollback()
        worker = started(redis_app, "worker")
        try:
            until(lambda: len(server.messages) > 10)
            redis.kill()
            seen = len(server.messages)
            time.sleep(AWAY_S)
            assert worker.poll() is None, "its worker has quit"
            until(lambda: len(server.messages) > seen + 20)
            server.delay_s = 0.0
            until(lambda: states(campaign) == {"sent": 400})
        finally:
            codes = stopped([worker])
    assert set(copies(server).values()) == {1}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Attempt)) == 0
    assert codes == [0]


def test_g6_an_idle_worker_that_lost_redis_sends_soon_after_it_is_back(
    redis_app: Flask, redis: PrivateRedis
) -> None:
    with SmtpServer() as server:
        db.session.rollback()
        processes = [started(redis_app, "dispatcher"), started(redis_app, "worker")]
        try:
            until(lambda: redis.client().scard("rq:workers") == 1)
            redis.kill()
            time.sleep(AWAY_S)
            campaign = make_due(server, people=20)
            until(lambda: fresh(campaign).status is Status.SENDING)
            redis.start()
            until(lambda: fresh(campaign).status is Status.FINISHED)
            assert redis.client().scard("rq:workers") == 1, "who counts the workers counts it again"
        finally:
            codes = stopped(processes)
    assert states(campaign) == {"sent": 20}
    assert codes == [0, 0]


def test_a_worker_that_starts_without_redis_says_so_in_a_sentence_and_waits(
    redis_app: Flask, redis: PrivateRedis, tmp_path: Path
) -> None:
    redis.kill()
    with SmtpServer() as server:
        campaign = make_launched(server, people=20)
        db.session.rollback()
        output = tmp_path / "worker.txt"
        worker = started(redis_app, "worker", output=output)
        try:
            until(lambda: "Redis can't be reached, the worker waits for it" in output.read_text())
            assert worker.poll() is None
            redis.start()
            queue.enqueue(SEND, 1)
            until(lambda: states(campaign) == {"sent": 20})
        finally:
            codes = stopped([worker])
    assert codes == [0]
    assert "Traceback" not in output.read_text()


def test_a_worker_that_waits_for_redis_stops_when_it_is_asked_to(
    redis_app: Flask, redis: PrivateRedis, tmp_path: Path
) -> None:
    redis.kill()
    db.session.rollback()
    output = tmp_path / "worker.txt"
    worker = started(redis_app, "worker", output=output)
    until(lambda: "Redis can't be reached" in output.read_text())
    assert stopped([worker]) == [0]


@pytest.mark.parametrize("job", ["calls what it likes", "brings a callback", "is no job at all"])
def test_what_is_no_job_of_ours_stops_no_worker(
    redis_app: Flask, redis: PrivateRedis, tmp_path: Path, job: str
) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=20)
        db.session.rollback()
        plant(job)
        queue.enqueue(SEND, 1)
        output = tmp_path / "worker.txt"
        worker = started(redis_app, "worker", output=output)
        try:
            until(lambda: states(campaign) == {"sent": 20})
            assert worker.poll() is None
        finally:
            codes = stopped([worker])
    assert codes == [0]


def plant(job: str) -> None:
    """What somebody who may write to Redis could leave there."""
    jobs = redis_queue.queue(queue.client())
    if job == "calls what it likes":
        jobs.enqueue_call("os.getcwd", job_id="planted")
    elif job == "brings a callback":
        jobs.enqueue_call(SEND, args=[1], job_id="planted", on_success=Callback(os.getcwd))
    else:
        jobs.connection.hset("rq:job:planted", mapping={"created_at": "soon", "data": b"\x00"})
        jobs.connection.rpush(jobs.key, "planted")
