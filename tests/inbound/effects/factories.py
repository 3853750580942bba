"""Sent emails, and messages about them that are stored and handled."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, Suppression, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects import handling
from campaigns.inbound.jobs import EFFECTS
from campaigns.inbound.mailboxes import intake, stored
from campaigns.inbound.models import InboundMessage, Origin, Stage
from campaigns.planning.models import Status
from tests.factories import (
    make_campaign,
    make_delivery,
    make_list,
    make_revision,
    make_sender,
    make_subscriber,
)
from tests.inbound.mails import letter, make_message, token

PEOPLE = 12
FROM, ANSWERS = "news@news.example", "team@people.example"


def make_answered(*, reply_to: str | None = ANSWERS) -> Delivery:
    readers = make_list()
    make_sender(FROM, name="News", reply_to=reply_to, bounce_address="bounce@news.example")
    campaign = make_campaign(lists=[readers], name="Spring", from_email=FROM)
    make_revision(campaign, from_email=FROM, reply_to=reply_to)
    return make_delivery(
        campaign, make_subscriber("reader@example.org", lists=[readers]), done_at=clock.now()
    )


def our_id(delivery: Delivery) -> str:
    return f"<{token(delivery, Purpose.MESSAGE)}@news.example>"


def answer(
    delivery: Delivery, *, to: str = FROM, text: str = "Thanks!", more: str = "", number: int = 1
) -> bytes:
    ids = f"Message-ID: <answer{number}@example.org>\nIn-Reply-To: {our_id(delivery)}\nReferences: {our_id(delivery)}\n"
    return letter(to, "reader@example.org", more=ids + more, text=text)


def make_sent(
    people: int = PEOPLE,
    *,
    status: Status = Status.FINISHED,
    name: str = "reader",
    others: dict[str, int] | None = None,
) -> list[Delivery]:
    """The deliveries of a campaign, all accepted: at example.org, and as many at `others` as they say."""
    readers = make_list()
    campaign = make_campaign(lists=[readers], status=status)
    domains = {"example.org": people, **(others or {})}
    addresses = [f"{name}{each}@{domain}" for domain, number in domains.items() for each in range(number)]
    subscribers = [make_subscriber(each, lists=[readers]) for each in addresses]
    return [make_delivery(campaign, each, done_at=clock.now()) for each in subscribers]


def email(delivery: Delivery) -> str:
    return db.session.get_one(Subscriber, delivery.subscriber_id).email


def store(raw: bytes) -> int:
    made = intake.store(raw, origin=Origin.MAILBOX, mailbox_id=None, now=clock.now())
    assert made is not None
    db.session.commit()
    return made.id


def handle(ids: list[int]) -> None:
    stored.handle_some(ids, EFFECTS, now=clock.now, between=lambda: None)
    db.session.expire_all()


def stages(ids: list[int]) -> list[Stage]:
    rows = sa.select(InboundMessage.stage).where(InboundMessage.id.in_(ids)).order_by(InboundMessage.id)
    return list(db.session.scalars(rows))


def read(raw: bytes) -> InboundMessage:
    message = make_message(raw)
    handled = handling.handle(message.id, now=clock.now())
    db.session.commit()
    handling.settle(handled.campaigns, now=clock.now())
    db.session.expire_all()
    return message


def suppression(delivery: Delivery) -> SuppressionReason | None:
    return db.session.scalar(
        sa.select(Suppression.reason).where(Suppression.address_key == delivery.address_key)
    )
