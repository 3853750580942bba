"""What the test inbox sends back reaches the campaign by itself: on the first day bounces and complaints come in."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, Suppression
from campaigns.core import clock, config, queue
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Delivery, State
from campaigns.inbound import jobs
from campaigns.inbound.mailboxes import hints, practice
from campaigns.inbound.models import InboundMessage
from campaigns.planning.models import Campaign, Status
from campaigns.practice import store
from tests.delivery.factories import fresh, send
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

NAMES = ("bounce", "full", "away", "complain", "reply", "ann", "bob", "cid", "dot", "eve")


def make_sent() -> Campaign:
    """A campaign that went to one person of each kind, and arrived in the test inbox."""
    readers = make_list()
    for name in NAMES:
        make_subscriber(f"{name}@example.org", lists=[readers])
    with SmtpServer() as server:
        campaign = make_campaign(
            lists=[readers],
            server_id=make_server(port=server.port).id,
            status=Status.SCHEDULED,
            send_at=clock.now(),
        )
        launch.launch(campaign.id, clock.now())
        send(campaign)
        arrivals = [
            store.Arrival(clock.now(), mail_from, rcpt_to, raw) for mail_from, rcpt_to, raw in server.messages
        ]
    store.keep(config.current(), arrivals)
    return fresh(campaign)


def test_each_answer_is_read_once_and_does_what_it_says(app: Flask) -> None:
    campaign = make_sent()
    jobs.read_practice()
    jobs.read_practice()
    assert not practice.has_answers()
    db.session.expire_all()
    outcome = {
        email.partition("@")[0]: delivery
        for delivery, email in db.session.execute(
            sa.select(Delivery, Subscriber.email).join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        )
    }
    assert len(db.session.scalars(sa.select(InboundMessage)).all()) == 5
    assert {name for name, each in outcome.items() if each.outcome is State.BOUNCED} == {"bounce", "full"}
    assert [name for name, each in outcome.items() if each.complained_at] == ["complain"]
    assert [name for name, each in outcome.items() if each.replied_at] == ["reply"]
    assert campaign.id == outcome["ann"].campaign_id


def test_the_dispatcher_asks_for_it_once_as_long_as_something_waits(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(queue, "waiting", lambda job: len(asked))
    monkeypatch.setattr(queue, "enqueue", lambda job, *_ids: asked.append(job))
    hints.hint_practice(clock.now())
    assert asked == []
    make_sent()
    hints.hint_practice(clock.now())
    hints.hint_practice(clock.now())
    assert asked == [hints.PRACTICE]
    assert re.fullmatch(r"campaigns\.inbound\.jobs\.\w+", hints.PRACTICE)
    assert not db.session.scalars(sa.select(Suppression)).all()
