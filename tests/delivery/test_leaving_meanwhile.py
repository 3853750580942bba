"""G4 on PostgreSQL, where two transactions may look and commit at the same time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as audience
from campaigns.audience.models import Origin, Subscription
from campaigns.core.db import db
from campaigns.delivery.candidates import held_to_their_lists
from tests.factories import NOON, make_campaign, make_list, make_subscriber


@pytest.mark.postgres
def test_G4_nobody_can_leave_between_the_look_and_the_mark(postgres_app: Flask) -> None:
    letters = make_list()
    ana_id = make_subscriber(lists=[letters]).id
    campaign_id = make_campaign(lists=[letters]).id
    db.session.commit()
    rows = [SimpleNamespace(subscriber_id=ana_id), SimpleNamespace(subscriber_id=None)]
    leaves = sa.update(Subscription).where(Subscription.subscriber_id == ana_id).values(changed_at=NOON)
    with db.engine.connect() as lane, db.engine.connect() as reader:
        assert held_to_their_lists(lane, campaign_id, rows) == {ana_id}
        reader.execute(sa.text("SET lock_timeout = '200ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            reader.execute(leaves)
        reader.rollback()
        lane.commit()
        assert reader.execute(leaves).rowcount == 1
        reader.rollback()
    audience.unsubscribe(ana_id, list_ids=None, origin=Origin.PAGE, now=NOON)
    db.session.commit()
    with db.engine.connect() as lane:
        assert held_to_their_lists(lane, campaign_id, rows) == set()


def test_sqlite_has_one_writer_and_needs_no_lock(app: Flask) -> None:
    with db.engine.connect() as lane:
        assert held_to_their_lists(lane, 1, [SimpleNamespace(subscriber_id=1)]) is None
