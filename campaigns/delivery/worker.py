"""The RQ worker of this app: one queue, only our own jobs, no scheduler."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
from contextlib import suppress
from typing import Any

from flask import Flask, current_app
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import config, queue, redis_queue
from campaigns.core.db import db
from campaigns.core.patient_worker import PatientWorker, wait_for_redis
from campaigns.delivery.ledger import database_clock
from campaigns.delivery.sender import lane_runner, recovery
from campaigns.settings import services as settings_services

log = logging.getLogger(__name__)

WORKER_TTL_S = 25  # blocks 15 s less in Redis, and notices 10 s later that Redis is gone
MONITORING_INTERVAL_S = 10
MAINTENANCE_INTERVAL_S = 30
_ARENA_MAX = -8  # parameter of mallopt in glibc


class AppWorker(PatientWorker):
    """Runs each job in an app context of its own, in a forked work horse."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue, execution: Any) -> bool:
        with self.app.app_context():
            # The parent's connections may neither be used nor closed here.
            db.engine.dispose(close=False)
            try:
                return bool(super().perform_job(job, queue, execution))
            finally:
                db.session.remove()
                db.engine.dispose()

    def handle_work_horse_killed(self, *facts: Any) -> None:
        """Settle the dead work horse's batches by its journal, so that no one has to wait for the lease."""
        super().handle_work_horse_killed(*facts)
        self.look_after_the_dead()

    def after_unseen_end(self) -> None:
        self.look_after_the_dead()

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()
        self.look_after_the_dead()

    def look_after_the_dead(self) -> None:
        """Settle the batches of this host's dead lanes."""
        with self.app.app_context():
            try:
                now = database_clock.measured()()
                recovery.recover(lane_runner.journals(), owner=lane_runner.name_of_process(), now=now)
            except SQLAlchemyError as error:
                log.warning("The batches of dead lanes are left for later: %s", error)
            finally:
                db.session.remove()
                db.engine.dispose()  # work horses must not share what this process opens

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        signal.signal(signal.SIGUSR1, lambda *_: queue.leaving.set())

    def handle_warm_shutdown_request(self) -> None:
        """End the current job soon instead of at the end of its shift."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGUSR1)


def save_memory() -> None:
    """For a long-lived process that forks: one heap for all threads, and existing objects left uncollected.

    A lane's threads take turns; a heap for each would keep several windows of messages. Objects that the
    collector marks would be copied into each work horse.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def run_worker(name: str | None = None) -> None:
    """Serve the queue until a stop signal; the current job is finished first. Raises Misconfigured."""
    settings_services.check_secret()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.remove()
    db.engine.dispose()
    if not wait_for_redis():
        return
    # No socket timeout: the worker blocks in Redis for longer than other calls may take.
    connection = redis_queue.connect(config.current().redis_url, socket_timeout=None)
    worker = AppWorker(
        [redis_queue.queue(connection)],
        name=name,
        connection=connection,
        serializer=JSONSerializer,
        job_class=redis_queue.SafeJob,
        job_monitoring_interval=MONITORING_INTERVAL_S,
        maintenance_interval=MAINTENANCE_INTERVAL_S,
        worker_ttl=WORKER_TTL_S,
    )
    worker.app = app
    worker.look_after_the_dead()
    save_memory()
    worker.work(with_scheduler=False, logging_level="WARNING")
