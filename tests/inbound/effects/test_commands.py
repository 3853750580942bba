"""An operator answers an alert with a word, and the campaign does it: once, with that operator's rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.models import Operator, Role
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import alerts
from campaigns.inbound.effects.handling import handle
from campaigns.inbound.models import Effect, InboundMessage, Mailbox, Protocol
from campaigns.mail.security import Security
from campaigns.notices.models import Notice
from campaigns.planning.by_mail.models import MailCommand
from campaigns.planning.models import Campaign, PauseReason, Status
from tests.factories import (
    make_campaign,
    make_delivery,
    make_list,
    make_operator,
    make_revision,
    make_subscriber,
)
from tests.fakes.name_server import NameServer
from tests.inbound.mails import letter, make_message
from tests.settings.domains import make_domain, zone_of

BOSS = "boss@team.example"


@pytest.fixture
def paused(each_database: Flask) -> Campaign:
    """A campaign that paused by itself."""
    readers = make_list()
    campaign = make_campaign(
        lists=[readers], status=Status.PAUSED, pause_reason=PauseReason.BOUNCE_RATE, name="Spring"
    )
    make_revision(campaign, bounce_address="bounce@news.example")
    make_delivery(campaign, make_subscriber(lists=[readers]))
    return campaign


def make_mailbox() -> None:
    db.session.add(
        Mailbox(
            name="Bounces",
            protocol=Protocol.IMAP,
            host="127.0.0.1",
            port=143,
            security=Security.NONE,
            username="bounce@news.example",
            created_at=clock.now(),
        )
    )
    db.session.commit()


def alert(campaign: Campaign, *, role: Role = Role.EDITOR) -> str:
    """The address that the alert asks to answer to; empty without one."""
    make_operator(BOSS, role=role)
    alerts.post(campaign.id, now=clock.now())
    db.session.commit()
    notice = db.session.scalars(sa.select(Notice)).one()
    to = (notice.headers or {}).get("Reply-To", "")
    assert ("reply to this email" in notice.text) is bool(to)
    return to


def answered(to: str, word: str, *, sender: str = BOSS, number: int = 1, more: str = "") -> bytes:
    ids = f"Message-ID: <command{number}@team.example>\nDate: {format_datetime(clock.now())}\n{more}"
    return letter(to, sender, subject="Re: Spring is paused", text=word, more=ids)


def read(raw: bytes, *, now: datetime | None = None) -> InboundMessage:
    message = make_message(raw)
    handle(message.id, now=now or clock.now())
    db.session.commit()
    db.session.expire_all()
    return message


def effects(message: InboundMessage) -> list[Effect]:
    return [each.effect for each in message.findings]


def answers() -> list[Notice]:
    return list(db.session.scalars(sa.select(Notice).where(Notice.kind == "command").order_by(Notice.id)))


def test_a_word_resumes_the_campaign_as_that_operator_and_is_answered(paused: Campaign) -> None:
    make_mailbox()
    to = alert(paused)
    assert re.fullmatch(r"command\+[a-z2-7]{17,31}@news\.example", to)
    message = read(answered(to, "Resume\n\n> the campaign paused"))
    assert paused.status is Status.SENDING
    assert effects(message) == [Effect.COMMANDED]
    entries = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action.like("campaign.%"))).all()
    assert {(each.action, each.actor) for each in entries} == {
        ("campaign.resumed", BOSS),
        ("campaign.commanded", BOSS),
    }
    (notice,) = answers()
    assert (notice.to_address, notice.has_null_path) == (BOSS, True)
    assert (notice.headers or {})["Auto-Submitted"] == "auto-replied"
    assert (notice.headers or {})["In-Reply-To"] == "<command1@team.example>"


def test_an_address_takes_one_command(paused: Campaign) -> None:
    make_mailbox()
    to = alert(paused)
    first = answered(to, "cancel")
    read(first)
    assert paused.status is Status.CANCELLED
    second = read(answered(to, "resume", number=2))
    assert (paused.status, effects(second)) == (Status.CANCELLED, [Effect.RECORDED])
    read(b"Received: again\r\n" + first)
    assert len(answers()) == 2


def test_an_address_is_good_for_seven_days(paused: Campaign) -> None:
    make_mailbox()
    to = alert(paused)
    read(answered(to, "resume"), now=clock.now() + timedelta(days=8))
    assert paused.status is Status.PAUSED


def test_whoever_may_do_it_no_longer_does_it_no_longer(paused: Campaign) -> None:
    make_mailbox()
    to = alert(paused)
    db.session.execute(sa.update(Operator).values(role=Role.VIEWER))
    db.session.commit()
    read(answered(to, "cancel"))
    assert paused.status is Status.PAUSED
    assert "role" in answers()[0].text


@pytest.mark.parametrize("word", ["what happened here, and who has done that?", "status"])
def test_what_is_no_command_is_answered_with_the_words_that_are(paused: Campaign, word: str) -> None:
    make_mailbox()
    to = alert(paused)
    read(answered(to, word))
    assert paused.status is Status.PAUSED
    assert "pause, resume, cancel" in answers()[0].text
    read(answered(to, "resume", number=2))
    assert paused.status is Status.SENDING


def test_whoever_writes_without_end_is_answered_a_few_times(paused: Campaign) -> None:
    make_mailbox()
    to = alert(paused)
    for number in range(9):
        read(answered(to, "what?", number=number))
    assert len(answers()) == 5


def test_an_alert_asks_for_no_answer_that_nobody_reads_or_may_give(paused: Campaign) -> None:
    assert alert(paused) == ""
    make_mailbox()
    db.session.execute(sa.delete(Notice))
    db.session.execute(sa.update(Operator).values(role=Role.VIEWER))
    alerts.post(paused.id, now=clock.now())
    assert db.session.scalars(sa.select(Notice)).one().headers is None


@pytest.fixture
def signed_elsewhere(app: Flask) -> Iterator[tuple[Campaign, str, NameServer]]:
    """A campaign, an address that was used, and name servers that know the team's key."""
    campaign = make_campaign(lists=[make_list()], status=Status.SENDING, name="Spring")
    make_revision(campaign, bounce_address="bounce@news.example")
    make_mailbox()
    to = alert(campaign)
    db.session.execute(sa.update(MailCommand).values(used_at=clock.now()))
    db.session.commit()
    zone = zone_of(make_domain("team.example"))
    with NameServer(zone) as dns:
        app.extensions["columba"] = replace(app.extensions["columba"], dns_server=dns.address)
        yield campaign, to, dns


def signed(raw: bytes) -> bytes:
    from campaigns.settings.domains.signing import sign_from

    sign = sign_from(BOSS, clock.now())
    assert sign is not None
    head, _, body = raw.partition(b"\r\n\r\n")
    head = b"".join(line + b"\r\n" for line in head.split(b"\r\n"))
    return sign(head, body) + head + b"\r\n" + body


def test_a_signature_of_the_operators_domain_is_as_good_as_a_fresh_address(signed_elsewhere) -> None:
    campaign, to, _dns = signed_elsewhere
    read(answered(to, "pause"))
    assert campaign.status is Status.SENDING, "without a signature"
    read(signed(answered(to, "cancel", number=2)).replace(b"\r\ncancel", b"\r\npause "))
    assert campaign.status is Status.SENDING, "changed on the way"
    read(signed(answered(to, "pause", sender="eve@team.example", number=3)))
    assert campaign.status is Status.SENDING, "no operator"
    raw = signed(answered(to, "pause", number=4))
    read(raw, now=clock.now() + timedelta(days=2))
    assert campaign.status is Status.SENDING, "written long ago"
    read(signed(answered(to, "pause", number=5)))
    assert campaign.status is Status.PAUSED
