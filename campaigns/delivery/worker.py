"""The worker that sends: it also settles what dead lanes left behind."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import app_worker
from campaigns.core.db import db
from campaigns.delivery.dispatch import next_work
from campaigns.delivery.ledger import database_clock
from campaigns.delivery.sender import lane_runner, recovery
from campaigns.settings import services as settings_services

log = logging.getLogger(__name__)


class AppWorker(app_worker.AppWorker):
    """Knows that its work horses hold batches."""

    def before_work(self) -> None:
        self.look_after_the_dead()
        self.rehearse()

    def handle_work_horse_killed(self, *facts: Any) -> None:
        """Settle the dead work horse's batches by its journal, so that no one has to wait for the lease."""
        super().handle_work_horse_killed(*facts)
        self.look_after_the_dead()

    def after_unseen_end(self) -> None:
        self.look_after_the_dead()

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()
        self.look_after_the_dead()

    def rehearse(self) -> None:
        """Make ready what each work horse needs first: it begins with what this process has."""
        with self.app.app_context():
            try:
                next_work.rehearse()
            except SQLAlchemyError as error:
                log.warning("The first emails of each job take a moment longer: %s", error)
            finally:
                db.session.remove()
                db.engine.dispose()

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


def run_worker(name: str | None = None) -> None:
    """Serve the queue until a stop signal; the current job is finished first. Raises Misconfigured."""
    settings_services.check_secret()
    app_worker.serve(AppWorker, name=name)
