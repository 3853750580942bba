"""A process that is killed -9 while it handles an answer: a command is obeyed once, a reply is passed on once."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.models import Role
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery import alerts
from campaigns.inbound import jobs
from campaigns.inbound.effects import commands, forwarding, handling
from campaigns.inbound.mailboxes import services, stored
from campaigns.inbound.mailboxes.services import READ_EVERY, Settings
from campaigns.inbound.models import Effect, Finding, InboundMessage, Protocol, Stage
from campaigns.inbound.rules import meeting
from campaigns.mail.security import Security
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, PauseReason, Status
from tests.factories import (
    make_campaign,
    make_delivery,
    make_list,
    make_operator,
    make_revision,
    make_sender,
    make_subscriber,
)
from tests.inbound.killing import is_killed
from tests.inbound.mails import letter, make_message, token

pytestmark = pytest.mark.one_database

BOSS = "boss@team.example"
MOST_MOMENTS = 40


def handled(app: Flask, raw: bytes, number: int) -> bool:
    """Handle a message in a process that is killed at that moment, then once more; whether it was not killed."""
    steps = [(handling, "handle"), (handling, "_apply"), (commands, "obey"), (forwarding, "forward")]
    message_id = make_message(raw).id
    db.session.commit()
    is_over = not is_killed(app, partial(jobs.handle_message, message_id), number, steps=steps)
    for each in stored.due(now=clock.now() + 10 * READ_EVERY):
        stored.handle_one(each, meeting.handle, now=clock.now)
    db.session.expire_all()
    assert db.session.get_one(InboundMessage, message_id).stage is Stage.HANDLED
    return is_over


def effects() -> list[Effect]:
    return list(db.session.scalars(sa.select(Finding.effect).order_by(Finding.id)))


def posted(kind: str) -> int:
    return db.session.scalar(sa.select(sa.func.count(Notice.id)).where(Notice.kind == kind)) or 0


def test_a_command_whose_process_is_killed_is_obeyed_once_and_answered_once(each_database: Flask) -> None:
    settings = Settings(
        "Bounces", Protocol.IMAP, "127.0.0.1", 10143, Security.NONE, "bounce@news.example", password="p"
    )
    services.create_mailbox(settings, now=clock.now())
    make_operator(BOSS, role=Role.EDITOR)
    readers = make_list()
    for number in range(1, MOST_MOMENTS):
        campaign = make_campaign(lists=[readers], status=Status.PAUSED, pause_reason=PauseReason.BOUNCE_RATE)
        make_revision(campaign, bounce_address="bounce@news.example")
        make_delivery(campaign, make_subscriber(lists=[readers]))
        alerts.post(campaign.id, now=clock.now())
        db.session.commit()
        notice = db.session.scalars(sa.select(Notice).order_by(Notice.id.desc())).first()
        assert notice is not None
        to = (notice.headers or {})["Reply-To"]
        ids = f"Message-ID: <command{number}@team.example>\n"
        is_over = handled(each_database, letter(to, BOSS, text="Resume", more=ids), number)
        assert db.session.get_one(Campaign, campaign.id).status is Status.SENDING
        if is_over:
            break
    assert is_over
    assert number > 8
    assert effects() == [Effect.COMMANDED] * number
    assert posted(commands.KIND) == number
    said = sa.select(sa.func.count(AuditEntry.id)).where(AuditEntry.action == "campaign.commanded")
    assert db.session.scalar(said) == number


def test_an_answer_whose_process_is_killed_is_counted_once_and_passed_on_once(each_database: Flask) -> None:
    readers = make_list()
    make_sender("news@news.example", reply_to=BOSS, bounce_address="bounce@news.example")
    campaign = make_campaign(lists=[readers], from_email="news@news.example")
    make_revision(campaign, from_email="news@news.example", reply_to=BOSS)
    for number in range(1, MOST_MOMENTS):
        reader = make_subscriber(f"reader{number}@example.org", lists=[readers])
        delivery = make_delivery(campaign, reader, done_at=clock.now())
        ours = f"<{token(delivery, Purpose.MESSAGE)}@news.example>"
        ids = f"Message-ID: <answer{number}@example.org>\nIn-Reply-To: {ours}\n"
        is_over = handled(each_database, letter("news@news.example", reader.email, more=ids), number)
        if is_over:
            break
    assert is_over
    assert number > 8
    assert effects() == [Effect.REPLIED] * number
    assert posted(forwarding.KIND) == number
