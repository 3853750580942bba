"""Claiming costs what there is to claim, however many batches earlier campaigns have left behind."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.ledger import batches
from campaigns.delivery.ledger.batches import Lanes
from campaigns.delivery.models import Batch, BatchState
from tests.delivery.work import work
from tests.factories import make_campaign

HERE = Lanes(known=("here",), living=("here",))
OLD = 20_000


def look_for_ended_leases() -> None:
    with db.engine.begin() as connection:
        assert batches.claim_expired(connection, owner="me", seconds=60, here=HERE) is None


def look_for_those_of_a_dead_lane() -> None:
    with db.engine.begin() as connection:
        assert batches.claim_of(connection, "dead", owner="me", seconds=60) is None


@pytest.mark.new_database
def test_looking_for_ended_leases_reads_no_batch_of_earlier_campaigns(each_database: Flask) -> None:
    campaign_id = make_campaign().id
    held = {"campaign_id": campaign_id, "wave": 2, "state": BatchState.LEASED, "lease_until": clock.now()}
    done = {"campaign_id": campaign_id, "wave": 1, "state": BatchState.DONE}
    db.session.execute(sa.insert(Batch), [{**held, "number": each, "owner": "here"} for each in range(20)])
    db.session.commit()
    before = [work(look) for look in (look_for_ended_leases, look_for_those_of_a_dead_lane)]
    db.session.execute(sa.insert(Batch), [{**done, "number": each} for each in range(OLD)])
    db.session.execute(sa.text("ANALYZE"))
    db.session.commit()
    after = [work(look) for look in (look_for_ended_leases, look_for_those_of_a_dead_lane)]
    assert all(now <= 1.5 * earlier + 50 for now, earlier in zip(after, before, strict=True)), (before, after)
