"""The dispatcher's duties. Each may run twice or be interrupted without harm."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from redis.exceptions import RedisError
from rq import Worker
from rq.timeouts import BaseTimeoutException

from campaigns.audience.bulk import queries as bulk_queries
from campaigns.audience.bulk import services as bulk_services
from campaigns.audience.exporting import queries as export_queries
from campaigns.audience.exporting import services as export_services
from campaigns.audience.finding import sizes
from campaigns.audience.imports import queries as import_queries
from campaigns.audit import services as audit_services
from campaigns.core import config, hints, queue, redis_queue
from campaigns.core.db import db, peek
from campaigns.delivery import services
from campaigns.delivery.autopause import failure_rate, finishing, restored_backup, server_outage
from campaigns.delivery.dispatch import fairness, invariants, launch, next_work
from campaigns.delivery.dispatch.rounds import Rounds
from campaigns.delivery.ledger import cancellation, since_resumed, staging
from campaigns.delivery.limits import receiver_rows
from campaigns.delivery.models import Batch, BatchState
from campaigns.delivery.sender import ack_journal, lane_runner, recovery
from campaigns.notices import services as notices_services
from campaigns.planning.models import Campaign, Status
from campaigns.settings.models import Server

log = logging.getLogger(__name__)

IMPORT = "campaigns.audience.imports.jobs.run_import"
BULK_ACT = "campaigns.audience.bulk.jobs.run_bulk_act"
EXPORT = "campaigns.audience.exporting.jobs.run_export"
USUAL_WORKERS = 2
CANCELLING_S = 1.0


def keep_watermark(*, now: datetime) -> None:
    """Pause everything after a restored backup; otherwise count on, so that the next one is detected."""
    if not restored_backup.check(now=now):
        restored_backup.advance()


def launch_due(*, now: datetime, rounds: Rounds | None = None) -> bool:
    """Launch every due campaign, as far as time allows; True if some are left."""

    def work(campaign_id: int) -> None:
        with _apart(campaign_id, "could not be launched"):
            launch.launch(campaign_id, now)

    due = peek(lambda: launch.due(now))
    return (rounds or Rounds(0, budget_s=math.inf)).go(due, work)


def next_moment(*, now: datetime) -> datetime | None:
    """When the next campaign is due or the next closed server is to be tried again; None if neither is."""
    due = sa.select(sa.func.min(Campaign.send_at)).where(
        Campaign.status == Status.SCHEDULED, Campaign.send_at > now
    )
    opens = sa.select(sa.func.min(Server.closed_until)).where(Server.closed_until > now)
    moments = peek(
        lambda: db.session.execute(sa.select(due.scalar_subquery(), opens.scalar_subquery())).one()
    )
    return min((each for each in moments if each is not None), default=None)


def wake_workers(job: str, *, now: datetime) -> None:
    """Wake a worker for each lane that would have something to send. They ask the database which."""
    outlook = next_work.look(now=now)
    if not outlook.sendable:
        return
    wanted = fairness.useful_lanes(outlook, most=workers())
    for _number in range(wanted - queue.waiting(job)):
        if not queue.enqueue(job):
            return


def hint_probes(job: str, *, now: datetime) -> None:
    """Enqueue connection tests for servers that paused campaigns wait for."""
    hints.hint_each(job, lambda: server_outage.to_probe(now=now))


def hint_look_ups(job: str, *, now: datetime) -> None:
    """Enqueue a look-up of the mail exchangers of domains in trouble."""
    hints.hint(job, lambda: bool(receiver_rows.to_look_up()))


def hint_imports(*, now: datetime) -> None:
    """Enqueue imports that no worker runs, once each."""
    hints.hint_each(IMPORT, lambda: import_queries.waiting_imports(now=now))


def hint_bulk_acts(*, now: datetime) -> None:
    """Enqueue changes of many people that no worker carries out, once each."""
    hints.hint_each(BULK_ACT, lambda: bulk_queries.waiting(now=now))


def hint_exports(*, now: datetime) -> None:
    """Enqueue exports that no worker writes, once each."""
    hints.hint_each(EXPORT, lambda: export_queries.waiting(now=now))


def forget_exports(*, now: datetime) -> None:
    """Delete exports that have been kept for long enough."""
    export_services.sweep(now=now)
    if peek(lambda: bool(export_queries.created_before(now - export_services.KEPT))):
        export_services.delete_old(now=now)
        db.session.commit()


def hint_notices(*, now: datetime) -> None:
    """Enqueue notices that wait; one that is enqueued twice is sent once."""
    hints.hint_each(notices_services.JOB, lambda: notices_services.due(now=now))


def repair(*, now: datetime, rounds: Rounds | None = None) -> None:
    """Finish campaigns that are done, check failure rates, suppress behind the bounce brake.

    For all campaigns, or those whose turn it is.
    """
    any_down = peek(lambda: server_outage.has_any_lasted(now=now))
    (rounds or Rounds(0, budget_s=math.inf)).go(
        _sending(), lambda campaign_id: _repair(campaign_id, now, any_down=any_down)
    )
    for campaign_id in peek(staging.cancelled):
        with _apart(campaign_id, "is cancelled, but its bounces could not be judged"):
            finishing.judge_cancelled(campaign_id, now=now)
            db.session.commit()


def _repair(campaign_id: int, now: datetime, *, any_down: bool) -> None:
    with _apart(campaign_id, "could not be looked after"):
        if not peek(lambda: _needs_repair(campaign_id, now, any_down=any_down)):
            return
        if not finishing.finish(campaign_id, now=now):
            if not failure_rate.check(campaign_id, now=now):
                finishing.suppress_some(campaign_id, now=now)
            server_outage.check(campaign_id, now=now)
        db.session.commit()


def _needs_repair(campaign_id: int, now: datetime, *, any_down: bool) -> bool:
    """Whether the campaign needs any write: on SQLite a writing transaction blocks all others."""
    shares = since_resumed.shares(campaign_id)
    return (
        not services.somebody_waits(campaign_id)
        or failure_rate.is_too_high(campaign_id, shares)
        or finishing.to_suppress(campaign_id, shares) is not None
        or (any_down and server_outage.has_lasted(campaign_id, now=now))
    )


def clean_up(*, now: datetime) -> None:
    """Delete journals of ended lanes, data kept only during sending, old trouble of receivers, and what people were like
    before changes that can't be undone any more; join counts of lists."""
    next_work.forget_the_ended()
    db.session.commit()
    if peek(lambda: receiver_rows.is_any_old(now=now)):
        receiver_rows.prune(now=now)
        db.session.commit()
    if peek(sizes.are_scattered):
        sizes.join_up()
        db.session.commit()
    for act_id in peek(lambda: bulk_queries.outdated(now=now)):
        bulk_services.forget_some(act_id)
        db.session.commit()
    _sweep_journals()


def shorten_audit_log(*, now: datetime) -> None:
    """Delete audit log entries that are older than they are kept."""
    days = config.current().audit_days
    if days and peek(lambda: audit_services.has_older(now - timedelta(days=days))):
        audit_services.keep_for(days, now=now)
        db.session.commit()


def settle_cancelled(*, now: datetime) -> None:
    """Go on ending the waiting rows of cancelled campaigns, for a moment; commits as it goes."""
    until = time.monotonic() + CANCELLING_S
    for campaign_id in peek(cancellation.unsettled):
        with _apart(campaign_id, "is cancelled, but not everybody could be told so"):
            while cancellation.settle_some(campaign_id, now=now) and time.monotonic() < until:
                db.session.commit()
            db.session.commit()
        if time.monotonic() > until:
            return


def reap(*, owner: str, now: datetime) -> int:
    """Make batches of dead lanes ready again and settle their rows in doubt; how many."""
    folder = lane_runner.journals()
    taken = recovery.recover(folder, owner=owner, now=now)
    return taken + recovery.take_over(folder, owner=owner, now=now)


def check(*, now: datetime) -> list[str]:
    """Violated invariants, as sentences (`invariants`). Commits."""
    return invariants.check(now=now)


def workers() -> int:
    """Number of workers that serve the queue; the usual number if Redis is unavailable."""
    try:
        return max(1, Worker.count(queue=redis_queue.queue(queue.client())))
    except (RedisError, OSError):
        return USUAL_WORKERS


@contextmanager
def _apart(campaign_id: int, trouble: str) -> Iterator[None]:
    """Log an error with one campaign and go on with the others."""
    try:
        yield
    except BaseTimeoutException:
        raise
    except Exception:
        db.session.rollback()
        log.exception("Campaign %s %s; it is tried again.", campaign_id, trouble)


def _sending() -> list[int]:
    statement = sa.select(Campaign.id).where(Campaign.status == Status.SENDING)
    return peek(lambda: list(db.session.scalars(statement)))


def _sweep_journals() -> None:
    """Delete journals of lanes that hold nothing, except young ones: a lane may be starting."""
    owners = sa.select(Batch.owner).where(Batch.state == BatchState.LEASED, Batch.owner.is_not(None))
    still_needed = peek(lambda: set(db.session.scalars(owners.distinct())))
    ack_journal.sweep(lane_runner.journals(), still_needed={each for each in still_needed if each})
