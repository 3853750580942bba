"""G4 on PostgreSQL, where two transactions may look and commit at the same time."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as audience_services
from campaigns.audience.models import Origin, Subscription
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger import candidates
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.models import Batch, Reason
from campaigns.planning.models import Status
from tests.factories import NOON, make_campaign, make_list, make_server, make_subscriber


def find(lane: sa.Connection, batch: Batch) -> list[candidates.Candidate]:
    claim = Claim(batch.id, batch.campaign_id, batch.wave, batch.number, fence=1)
    return candidates.find(lane, claim, limit=10, needs_fields=False)


@pytest.mark.postgres
def test_G4_nobody_can_leave_between_the_look_and_the_mark(postgres_app: Flask) -> None:
    letters, news = make_list(), make_list()
    ana_id = make_subscriber(lists=[letters, news]).id
    server_id = make_server().id
    campaign = make_campaign(
        lists=[letters, news], server_id=server_id, status=Status.SCHEDULED, send_at=clock.now()
    )
    launch.launch(campaign.id, clock.now())
    batch = db.session.scalars(sa.select(Batch)).one()
    db.session.commit()
    leaves = sa.update(Subscription).where(Subscription.subscriber_id == ana_id).values(changed_at=NOON)
    with db.engine.connect() as lane, db.engine.connect() as reader:
        assert [row.is_subscribed for row in find(lane, batch)] == [1]
        reader.execute(sa.text("SET lock_timeout = '200ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            reader.execute(leaves)
        reader.rollback()
        lane.commit()
        assert reader.execute(leaves).rowcount == 2
        reader.rollback()
    audience_services.unsubscribe(ana_id, list_ids=[letters.id], origin=Origin.PAGE, now=NOON)
    db.session.commit()
    with db.engine.connect() as lane:
        assert [row.is_subscribed for row in find(lane, batch)] == [1], "one list is enough"
    audience_services.unsubscribe(ana_id, list_ids=None, origin=Origin.PAGE, now=NOON)
    db.session.commit()
    with db.engine.connect() as lane:
        rows = find(lane, batch)
        assert [row.is_subscribed for row in rows] == [None]
        assert candidates.sort_out(rows) == ([], {Reason.SUPPRESSED: [rows[0].id]})
