"""Faults of many lanes of one campaign at once, and of a database clock that jumps under living lanes."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services as delivery_services
from campaigns.delivery.models import Batch, BatchState, Lease, Share
from campaigns.planning.models import Campaign, PauseReason, Status
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.world import CONNECTIONS, Mailing, Report, World

LANES = 64
MOST_BACKENDS = 300
ANSWERS_S, QUICK_S = 0.5, 0.005
PAUSED_WITHIN_S = 2.0  # an operator does not wait for the lanes
JUMP = timedelta(hours=1)
JUMPS = 2


@fault("64 lanes, paused and then killed")
def many(world: World) -> Report:
    """A pause waits for none of the lanes; messages in hand when they were killed are recovered."""
    name = "64 lanes, paused and then killed"
    if world.postgres:
        world.postgres.allow(MOST_BACKENDS)
    with Sink(slow_s=ANSWERS_S) as sink:
        mailing = world.mailing(sink, connections=LANES)
        world.until(lambda: mailing.campaign()[0] is Status.SENDING, timeout_s=30)
        lanes = world.unit(
            "64 lanes", sys.executable, "-m", "tests.faults.lanes", str(mailing.campaign_id), str(LANES)
        )
        lanes.start()
        world.until(lambda: sink.open_connections >= LANES * 3 // 4, timeout_s=60)
        most, began = sink.most_connections, time.monotonic()
        _pause(mailing)
        took = time.monotonic() - began
        mailing.resume()
        mailing.goes_on(more=LANES)
        lanes.end()
        killed = time.time()
        sink.slow_s = QUICK_S
        mailing.ends(timeout_s=120)
        report = mailing.report(name, [killed], bound=LANES + CONNECTIONS * len(world.workers))
        if most < LANES * 3 // 4:
            report.problems.append(f"only {most} connections were open")
        if took > PAUSED_WITHIN_S:
            report.problems.append(f"the pause took {took:.1f} s")
        return report


def _pause(mailing: Mailing) -> None:
    with mailing.world.app.app_context():
        found = db.session.get_one(Campaign, mailing.campaign_id)
        delivery_services.pause(found, reason=PauseReason.OPERATOR, detail=None, now=clock.now())
        db.session.commit()
        db.session.remove()


@fault("the database's clock jumps under living lanes", cut="postgres")
def jumps(world: World) -> Report:
    """Every lease ended an hour ago although its lane lives: no one may get a second copy."""
    with Sink(slow_s=0.02) as sink:
        mailing = world.mailing(sink, people=world.people // 2)
        moments = []
        for _time in range(JUMPS):
            mailing.goes_on(more=len(mailing.wanted) // 6)
            _jump(mailing)
            moments.append(time.time())
        mailing.ends()
        return mailing.report("the database's clock jumps under living lanes", moments)


def _jump(mailing: Mailing) -> None:
    """Age all leases, as if the database's clock had jumped ahead."""
    with mailing.world.app.app_context():
        for batch in db.session.scalars(
            sa.select(Batch).where(Batch.state == BatchState.LEASED).with_for_update()
        ):
            assert batch.lease_until
            batch.lease_until -= JUMP
        for lease in db.session.scalars(sa.select(Lease).with_for_update()):
            lease.until = lease.until and lease.until - JUMP
        for share in db.session.scalars(sa.select(Share).with_for_update()):
            share.until -= JUMP
        db.session.commit()
        db.session.remove()
