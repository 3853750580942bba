"""What the dispatcher looks after. Each duty may run twice or be cut short and do no harm."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

import sqlalchemy as sa
from redis.exceptions import RedisError
from rq import Worker

from campaigns.audience.models import Import, ImportStatus
from campaigns.core import queue
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.autopause import failure_rate, restored_backup, server_outage
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger import batches, cancellation, tallies
from campaigns.delivery.ledger.leases import database_moment
from campaigns.delivery.limits import receiver_rows, sending_hours, server_throttle
from campaigns.delivery.models import Batch, BatchState, Delivery, Wave
from campaigns.delivery.routing import server_selection
from campaigns.delivery.sender import ack_journal, lane_runner, recovery
from campaigns.notices import services as notices
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign, Status

log = logging.getLogger(__name__)

IMPORT = "campaigns.audience.jobs.run_import"
LANES_PER_WORKER = 2
USUAL_WORKERS = 2
STUCK_AFTER = timedelta(minutes=5)
CANCELLING_S = 1.0
TALLIES_LOOKED_AT = 5  # batches of each campaign under way, each minute


def keep_watermark(*, now: datetime) -> None:
    """Pause everything after a restored backup; else count on, so that the next one is noticed."""
    if not restored_backup.check(now=now):
        restored_backup.advance()


def launch_due(*, now: datetime) -> None:
    """Launch every campaign whose time has come; trouble with one does not keep the next."""
    for campaign_id in launch.due(now):
        db.session.rollback()
        try:
            launch.launch(campaign_id, now)
        except sa.exc.SQLAlchemyError:
            db.session.rollback()
            log.exception("Campaign %s could not be launched; it is tried again.", campaign_id)


def hint_lanes(job: str, *, now: datetime) -> None:
    """Ask workers for lanes: as many as there are batches to claim, never flooding the queue."""
    wanted = _wanted(now)
    db.session.rollback()
    room = LANES_PER_WORKER * workers() - queue.waiting(job)
    while room > 0 and any(wanted.values()):
        for campaign_id in [each for each, number in wanted.items() if number > 0][:room]:
            if not queue.enqueue(job, campaign_id):
                return
            wanted[campaign_id] -= 1
            room -= 1


def hint_probes(job: str, *, now: datetime) -> None:
    """Ask a worker to knock at servers that paused campaigns wait for."""
    if queue.waiting(job):
        return
    for server_id in server_outage.to_probe(now=now):
        queue.enqueue(job, server_id)


def hint_look_ups(job: str, *, now: datetime) -> None:
    """Ask a worker who receives for domains in trouble."""
    if receiver_rows.to_look_up() and not queue.waiting(job):
        queue.enqueue(job)


def hint_imports(*, now: datetime) -> None:
    """Ask workers for imports that nobody runs; one hint each, while none waits."""
    if queue.waiting(IMPORT):
        return
    abandoned = sa.or_(Import.lease_until.is_(None), Import.lease_until < now)
    statement = sa.select(Import.id).where(
        Import.status.in_((ImportStatus.QUEUED, ImportStatus.RUNNING)), abandoned
    )
    for import_id in db.session.scalars(statement).all():
        queue.enqueue(IMPORT, import_id)


def hint_notices(*, now: datetime) -> None:
    """Ask workers for own mails that wait; one that is hinted twice is sent once."""
    if queue.waiting(notices.JOB):
        return
    for notice_id in notices.due(now=now):
        queue.enqueue(notices.JOB, notice_id)


def repair(*, now: datetime) -> None:
    """End campaigns that are done, look at bounce rates; forget receivers whose trouble is long past."""
    for campaign_id in _with_status(Status.SENDING):
        if not services.finish(campaign_id, now=now):
            failure_rate.check(campaign_id, now=now)
            server_outage.check(campaign_id, now=now)
        db.session.commit()
    receiver_rows.prune(now=now)
    db.session.commit()
    _sweep_journals()


def settle_cancelled(*, now: datetime) -> None:
    """Go on ending those who waited when their campaign was cancelled, for a moment; commits as it goes."""
    until = time.monotonic() + CANCELLING_S
    for campaign_id in cancellation.unsettled():
        while cancellation.settle_some(campaign_id, now=now) and time.monotonic() < until:
            db.session.commit()
        db.session.commit()


def reap(*, owner: str, now: datetime) -> int:
    """Make batches of dead lanes ready again, their doubtful rows settled; how many."""
    folder = lane_runner.journals()
    taken = recovery.recover(folder, owner=owner, now=now)
    return taken + recovery.take_over(folder, owner=owner, now=now)


def check(*, now: datetime) -> list[str]:
    """Compare every wave under way with what it was launched for, and find campaigns that do not move."""
    faults = [*_unbalanced(), *_stuck(now)]
    for campaign_id in _with_status(Status.SENDING):
        faults += tallies.faults(campaign_id, most=TALLIES_LOOKED_AT)
    db.session.commit()
    for fault in faults:
        log.error(fault)
    return faults


def workers() -> int:
    """How many workers serve the queue; the usual number when Redis can't say."""
    try:
        return max(1, Worker.count(queue=queue.queue()))
    except (RedisError, OSError):
        return USUAL_WORKERS


def _wanted(now: datetime) -> dict[int, int]:
    """How many more lanes each campaign can use: no more than batches, and than its servers have connections.

    A campaign that has no lane gets one all the same: those that have them make room.
    """
    wanted = {campaign_id: number for campaign_id, number in _claimable() if may_send(campaign_id, now)}
    servers = {each: server_selection.usable(planning_queries.campaign(each), now=now) for each in wanted}
    lanes = server_throttle.lanes_on({each.id for usable in servers.values() for each in usable})
    for campaign_id, usable in servers.items():
        there = [lanes.get(each.id, {}) for each in usable]
        room = sum(each.usable_connections for each in usable) - sum(sum(each.values()) for each in there)
        has_lanes = any(each.get(campaign_id) for each in there)
        wanted[campaign_id] = min(wanted[campaign_id], max(room, 0 if has_lanes else 1))
    return wanted


def _claimable() -> list[tuple[int, int]]:
    ready = sa.and_(
        Batch.state == BatchState.READY, sa.or_(Batch.next_at.is_(None), Batch.next_at <= database_moment())
    )
    expired = batches.expired(recovery.lanes_of(lane_runner.journals()))
    statement = (
        sa.select(Batch.campaign_id, sa.func.count())
        .join(Campaign, Campaign.id == Batch.campaign_id)
        .where(Campaign.status == Status.SENDING, sa.or_(ready, expired))
        .group_by(Batch.campaign_id)
        .order_by(Batch.campaign_id)
    )
    return [(row[0], row[1]) for row in db.session.execute(statement)]


def may_send(campaign_id: int, now: datetime) -> bool:
    """Whether anything can go out now: its hours, the server's health and its limits allow it."""
    campaign = planning_queries.campaign(campaign_id)
    if sending_hours.next_opening(campaign, now):
        return False
    if not server_selection.every(campaign):
        return True  # its lane will pause it and say so
    return any(
        server_throttle.free_at(server, now=now) <= now
        for server in server_selection.usable(campaign, now=now)
    )


def _with_status(status: Status) -> list[int]:
    return list(db.session.scalars(sa.select(Campaign.id).where(Campaign.status == status)))


def _sweep_journals() -> None:
    """Journals of lanes that hold nothing. A lane that has just begun holds nothing yet: leave young ones."""
    owners = sa.select(Batch.owner).where(Batch.state == BatchState.LEASED, Batch.owner.is_not(None))
    ack_journal.sweep(lane_runner.journals(), still_needed=set(db.session.scalars(owners.distinct())))


def _unbalanced() -> list[str]:
    """Waves whose rows are not as many as they were launched for (G2)."""
    rows = (
        sa.select(sa.func.count())
        .where(Delivery.campaign_id == Wave.campaign_id, Delivery.wave == Wave.number)
        .correlate(Wave)
        .scalar_subquery()
    )
    statement = (
        sa.select(Wave.campaign_id, Wave.number, Wave.audience, rows.label("rows"))
        .join(Campaign, Campaign.id == Wave.campaign_id)
        .where(Campaign.status.in_((Status.SENDING, Status.PAUSED)))
    )
    return [
        f"Campaign {row.campaign_id}, wave {row.number}: {row.rows} recipients, launched for {row.audience}."
        for row in db.session.execute(statement)
        if row.rows != row.audience
    ]


def _stuck(now: datetime) -> list[str]:
    """Campaigns that could send and have recorded nothing for minutes."""
    faults = []
    for campaign_id, number in _claimable():
        campaign = planning_queries.campaign(campaign_id)
        # A lane settles its batches at least once in its half minute.
        latest = db.session.scalar(
            sa.select(sa.func.max(Batch.settled_at)).where(Batch.campaign_id == campaign_id)
        )
        since = max(each for each in (latest, campaign.started_at, campaign.updated_at) if each)
        if (
            now - since > STUCK_AFTER
            and may_send(campaign_id, now)
            and may_send(campaign_id, now - STUCK_AFTER)
        ):
            faults.append(
                f"Campaign {campaign_id} has {number} batches to send and has not moved since"
                f" {since.isoformat(timespec='seconds')}. Do the workers run, and does Redis?"
            )
    return faults
