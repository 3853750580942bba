"""The campaign that goes over every server: 300 readers, each with a name that is awkward on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Origin, Subscriber, Subscription
from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.core import addresses, clock, signing
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.ledger.outcomes import Facts
from campaigns.delivery.models import Attempt, Batch, Delivery, Receiver, State
from campaigns.delivery.sender import composer, lane_runner
from campaigns.delivery.sender.store import Copy
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server
from tests.factories import NOON, make_campaign, make_list
from tests.servers.server import READERS

NAMES = (
    "Zoë", "李雷", ".", "..", ".Dot", "Łukasz Żółć", "Ольга", "From Ana", "O'Hara & Söhne <GmbH>", "🕊️ Taube",
    "... and more", "Ana\t. Bell", "= equals =3D", "x" * 200, ". " * 60, "ü" * 90, "مريم", "-- ", "Ümit {{ x }}",
)  # fmt: skip
TEXT = """\
.{{ first_name }}
.
..
{{ first_name }}
From here on, {{ first_name }}:
.
Leave: {{ unsubscribe_url }}
"""
HTML = """\
<html><body><h1>Hello {{ first_name }}</h1>
<p>.</p>
<pre>
.
..{{ first_name }}
</pre>
<p>Read <a href="https://example.com/one">the first</a>, {{ first_name }}.</p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>
"""
TIME_S = 180.0  # for a campaign; one that goes well takes some seconds
LATER = timedelta(minutes=2)  # what the clock is put forward by when all wait


def make_launched(server: Server) -> Campaign:
    """A campaign to 300 readers over that server, launched."""
    readers = make_list()
    key = settings_queries.link_key()
    for number in range(READERS):
        email = f"reader{number}@example.org"
        address = addresses.normalise(email)
        person = Subscriber(
            email=email,
            address=address,
            address_key=signing.address_key(key, address),
            created_at=NOON,
            updated_at=NOON,
            fields={"first_name": NAMES[number % len(NAMES)]},
        )
        values = {"origin": Origin.OPERATOR, "created_at": NOON, "changed_at": NOON}
        person.subscriptions = [
            Subscription(list_id=readers.id, status=SubscriptionStatus.SUBSCRIBED, **values)
        ]
        db.session.add(person)
    db.session.commit()
    campaign = make_campaign(
        lists=[readers],
        subject="News for {{ first_name }}",
        text=TEXT,
        html=HTML,
        server_id=server.id,
        status=Status.SCHEDULED,
        send_at=clock.now() - timedelta(seconds=1),
    )
    launch.launch(campaign.id, clock.now())
    return campaign


def send(campaign_id: int, *, is_wanted: Callable[[], bool]) -> None:
    """Lanes until the campaign has finished, can't go on by itself or is not wanted any more.

    Nobody waits for a server that was given up for a while, or for a mail that is to be tried later.
    """
    ahead = timedelta()

    def now() -> datetime:
        return clock.now() + ahead

    while status_of(campaign_id) is Status.SENDING and is_wanted():
        before = done(campaign_id)
        lane_runner.send(campaign_id, now=now)
        if done(campaign_id) == before:
            ahead += LATER
            _let_nobody_wait()
            time.sleep(0.1)


def _let_nobody_wait() -> None:
    """Deferred mails are due now: batches and rows keep to the database's clock, which a test can't put forward."""
    db.session.execute(sa.update(Delivery).values(next_at=NOON).where(Delivery.state == State.DEFERRED))
    db.session.execute(sa.update(Batch).values(next_at=NOON).where(Batch.next_at.is_not(None)))
    db.session.execute(sa.delete(Receiver))
    db.session.commit()


def status_of(campaign_id: int) -> Status:
    db.session.rollback()
    found = db.session.get_one(Campaign, campaign_id, populate_existing=True).status
    db.session.rollback()
    return found


def done(campaign_id: int) -> int:
    """How many have come to their end."""
    return _counted(sa.select(sa.func.count()).where(_final(campaign_id)))


def _final(campaign_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(Delivery.campaign_id == campaign_id, Delivery.state >= State.SENT)


def _counted(statement: Any) -> int:
    db.session.rollback()
    found = int(db.session.scalar(statement) or 0)
    db.session.rollback()
    return found


def doubts_of(campaign_id: int) -> int:
    """How often a mail was in doubt."""
    return _counted(sa.select(sa.func.sum(Delivery.doubts)).where(Delivery.campaign_id == campaign_id))


def troubles_of(campaign_id: int) -> list[str]:
    """What servers have said, or what broke, in the words of the attempts."""
    db.session.rollback()
    mine = sa.select(Delivery.id).where(Delivery.campaign_id == campaign_id)
    rows = db.session.scalars(
        sa.select(Attempt).where(Attempt.delivery_id.in_(mine)).order_by(Attempt.id)
    ).all()
    found = [f"{row.phase}: {row.code or ''} {row.enhanced or ''} {row.text}" for row in rows]
    db.session.rollback()
    return found


def composed(campaign_id: int) -> dict[str, bytes]:
    """What the app makes for each reader, by address."""
    db.session.rollback()
    content = composer.content_of(db.session.get_one(Campaign, campaign_id))
    rows = db.session.scalars(sa.select(Delivery).where(Delivery.campaign_id == campaign_id)).all()
    copies = [_copy(row) for row in rows]
    found: dict[str, bytes] = {}
    for copy, mail in zip(copies, content.compose(copies), strict=True):
        assert isinstance(mail, bytes), mail
        found[copy.email] = mail
    db.session.rollback()
    return found


def _copy(row: Delivery) -> Copy:
    person = row.subscriber
    assert person is not None
    assert row.started_at is not None, f"{person.email} was never tried"
    facts = Facts(row.id, row.fence, row.attempts, row.doubts, row.started_at)
    claim = Claim(batch_id=1, campaign_id=row.campaign_id, wave=row.wave, number=0, fence=row.fence)
    return Copy(facts, claim, person.id, person.email, person.fields)


def mark_started(campaign_id: int) -> None:
    """As if all had been tried once, at noon."""
    db.session.execute(sa.update(Delivery).where(Delivery.campaign_id == campaign_id).values(started_at=NOON))
    db.session.commit()
