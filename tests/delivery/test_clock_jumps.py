"""The database's clock jumps beyond every lease while lanes are at work: nobody gets a second copy (G3)."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.models import Batch, BatchState
from campaigns.delivery.sender import lane_runner
from tests.delivery.background import in_background, until
from tests.delivery.factories import BRISK, copies, id_of, make_launched, send, states
from tests.fakes.smtp_server import Call, SmtpServer

PEOPLE = 60


def jump(hours: float) -> None:
    """As if the database's clock had gone ahead: every lease ended that long ago."""
    held = db.session.scalars(sa.select(Batch).where(Batch.state == BatchState.LEASED).with_for_update())
    for batch in held.all():
        assert batch.lease_until
        batch.lease_until -= timedelta(hours=hours)
    db.session.commit()


def test_g3_a_jump_of_the_databases_clock_takes_no_batch_from_a_lane_that_lives(each_database: Flask) -> None:
    is_held = True

    def holds(call: Call) -> bool:
        return is_held and call.verb == "END" and len(server.messages) >= 10

    with SmtpServer(holds=holds) as server:
        campaign = make_launched(server, people=PEOPLE, size=20, connections=2)
        campaign_id = id_of(campaign)
        lane = in_background(each_database, lambda: lane_runner.send(campaign_id, timing=BRISK))
        until(lambda: len(server.messages) >= 10, seconds=60)
        jump(hours=1)
        assert tasks.reap(owner="dispatcher", now=clock.now()) == 0
        jump(hours=1)
        is_held = False
        lane_runner.send(campaign_id, timing=BRISK)  # takes what is left, and nothing else
        lane.join(60)
        send(campaign)
    assert states(campaign) == {"sent": PEOPLE}
    assert set(copies(server).values()) == {1}
