"""A database of an earlier edition is brought up to date with everything in it."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from flask_migrate import downgrade

from campaigns import schema
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.models import Delivery, State
from campaigns.settings.models import Sender
from tests.factories import make_campaign, make_delivery, make_sender, make_subscriber


def test_what_was_sent_before_anything_could_come_back_is_kept(each_database: Flask) -> None:
    make_sender("news@news.example")
    delivery_id = make_delivery(make_campaign(), make_subscriber("ann@example.org"), done_at=clock.now()).id
    db.session.commit()
    db.session.remove()
    schema.attach(each_database)
    try:
        downgrade(revision="0001")
        columns = {each["name"] for each in sa.inspect(db.engine).get_columns("delivery")}
        assert "bounced_at" not in columns
        assert "mailbox" not in sa.inspect(db.engine).get_table_names()
    finally:
        schema.bring_up_to_date()
    kept = db.session.get_one(Delivery, delivery_id)
    assert (kept.state, kept.outcome, kept.bounced_at) == (State.SENT, State.SENT, None)
    assert db.session.scalars(sa.select(Sender.bounce_address)).all() == [""]
