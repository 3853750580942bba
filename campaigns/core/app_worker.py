"""The RQ worker: serves one queue and runs each job in a forked work horse with an app context."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
from contextlib import suppress
from typing import Any

from flask import Flask, current_app
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from campaigns.core import config, heap, queue, redis_queue
from campaigns.core.db import db
from campaigns.core.jobs import QUEUE
from campaigns.core.patient_worker import PatientWorker, wait_for_redis

WORKER_TTL_S = 25  # RQ blocks in Redis for 15 s less, and notices 10 s later that Redis is gone
MONITORING_INTERVAL_S = 10
MAINTENANCE_INTERVAL_S = 30
PR_SET_PDEATHSIG = 1


class AppWorker(PatientWorker):
    """Runs each job in its own app context, in a forked work horse."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue, execution: Any) -> bool:
        with self.app.app_context():
            # The parent's connections must be neither used nor closed in the work horse.
            db.engine.dispose(close=False)
            try:
                return bool(super().perform_job(job, queue, execution))
            finally:
                db.session.remove()
                db.engine.dispose()

    def before_work(self) -> None:
        """Called once before the first job."""

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        signal.signal(signal.SIGUSR1, lambda *_: queue.leaving.set())

    def handle_warm_shutdown_request(self) -> None:
        """On a stop signal, also ask the current job to end soon."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGUSR1)


def save_memory() -> None:
    """For a long-lived process that forks: use one heap for all threads, and exclude existing objects from collection.

    A heap per thread would keep the messages of several windows, although a lane's threads work in turn. The
    collector writes to the objects it visits, which would copy their memory pages into each work horse.
    """
    heap.one_for_all_threads()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def serve(kind: type[AppWorker], *, queue_name: str = QUEUE, name: str | None = None) -> None:
    """Serve a queue until a stop signal. The current job is finished first."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.remove()
    db.engine.dispose()
    if not wait_for_redis():
        return
    # No socket timeout: the worker blocks in Redis for longer than other calls may.
    connection = redis_queue.connect(config.current().redis_url, socket_timeout=None)
    worker = kind(
        [redis_queue.queue(connection, queue_name)],
        name=name,
        connection=connection,
        serializer=JSONSerializer,
        job_class=redis_queue.SafeJob,
        job_monitoring_interval=MONITORING_INTERVAL_S,
        maintenance_interval=MAINTENANCE_INTERVAL_S,
        worker_ttl=WORKER_TTL_S,
    )
    worker.app = app
    worker.before_work()
    save_memory()
    worker.work(with_scheduler=False, logging_level="WARNING")


def die_with_parent() -> None:
    """Have the kernel end this work horse when its worker ends, also after a SIGKILL (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
