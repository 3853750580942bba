"""An RQ worker that keeps running while Redis is away: no failure of Redis ends it or its current job.

RQ's own worker quits when a heartbeat fails, and its work horse ends with it. Heartbeats, states and registries
only inform, and jobs are hints that may be lost (`core.queue`), so none of them is worth an interrupted send.
RQ's commands over Redis (stop a job, kill a work horse) are ignored: access to Redis must not suffice to end a send.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration
from rq.executions import Execution
from rq.job import Job
from rq.utils import now

from campaigns.core import queue

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 5.0  # between two attempts to reach Redis
SAID_EVERY_S = 60.0  # between two log lines that Redis is away


class PatientWorker(Worker):
    """Waits for Redis while it is idle, and continues its job without Redis."""

    max_connection_wait_time = LONGEST_WAIT_S

    def after_unseen_end(self) -> None:
        """Called if the work horse ended while Redis was away, so that its result is unknown."""

    # -- information only: failures are ignored

    def _set_ip_address(self, connection: Any) -> None:
        self.ip_address = "unknown"
        with suppress(RedisError):
            super()._set_ip_address(connection)

    def register_birth(self) -> None:
        self.birth_date = self.last_heartbeat = now()
        with suppress(RedisError):
            super().register_birth()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Also register again if needed: a restarted Redis may have lost the list of workers."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        with suppress(RedisError):
            super().heartbeat(timeout)
            worker_registration.register(self)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        with suppress(RedisError):
            super().maintain_heartbeats(job, execution)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        with suppress(RedisError):
            super().set_state(state, pipeline)

    def set_shutdown_requested_date(self) -> None:
        with suppress(RedisError):
            super().set_shutdown_requested_date()

    def check_for_suspension(self, burst: bool) -> None:
        with suppress(RedisError):
            super().check_for_suspension(burst)

    def run_maintenance_tasks(self) -> None:
        with suppress(RedisError):
            super().run_maintenance_tasks()

    def teardown(self) -> None:
        with suppress(RedisError):
            super().teardown()

    def subscribe(self) -> None:
        """Does nothing: commands over Redis are ignored."""

    # -- jobs

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """The next job, waiting while Redis is away or refuses. Jobs that are not in JOBS are dropped."""
        while True:
            try:
                return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            except RedisError as error:
                log.warning("Redis gives out no jobs: %s", error)
                time.sleep(LONGEST_WAIT_S)
            except Exception as error:
                job_id = getattr(error, "job_id", None)
                if job_id is None:
                    raise
                log.warning("Something that is no job of ours is thrown away: %s", error)
                self._throw_away(job_id)

    def execute_job(self, job: Job, queue: Queue) -> None:
        try:
            super().execute_job(job, queue)
        except RedisError as error:  # before the work horse was forked: nothing to wait for
            log.warning("A job is lost, because Redis went away: %s", error)
            self.executions.clear()

    def monitor_work_horse(self, job: Job, queue: Queue, execution: Execution) -> None:
        """Wait until the work horse has ended, also if that cannot be recorded in Redis."""
        try:
            super().monitor_work_horse(job, queue, execution)
        except RedisError as error:
            log.warning("The end of a job could not be noted down: %s", error)
            self.after_unseen_end()

    def _throw_away(self, job_id: str) -> None:
        with suppress(RedisError):
            for each in self.queues:
                self.connection.lrem(each.intermediate_queue_key, 0, job_id)
            self.connection.delete(self.job_class.key_for(job_id))


def wait_for_redis() -> bool:
    """Wait until Redis answers; False if a stop signal came first. Logs once a minute that it waits."""
    said_at: float | None = None
    with _signals_heard() as stop:
        while not stop.is_set():
            error = _trouble()
            if error is None:
                return True
            if said_at is None or time.monotonic() - said_at > SAID_EVERY_S:
                said_at = time.monotonic()
                log.warning("Redis can't be reached, the worker waits for it: %s", error)
            stop.wait(LONGEST_WAIT_S / 2)
    return False


def _trouble() -> Exception | None:
    """The error if Redis does not answer; None if it does."""
    try:
        queue.client().ping()
    except (RedisError, OSError) as error:
        return error
    return None


@contextmanager
def _signals_heard() -> Iterator[threading.Event]:
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
