"""What a person answers is forwarded to whoever answers for the campaign, once, and in no circle."""

from __future__ import annotations

import base64
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.models import Delivery, State
from campaigns.inbound.effects import forwarding
from campaigns.inbound.effects.handling import handle
from campaigns.inbound.models import Effect, InboundMessage
from campaigns.mail.security import Security
from campaigns.notices.jobs import send_notice
from campaigns.notices.models import Notice
from campaigns.reports.person.timeline import timeline
from tests.factories import (
    make_server,
)
from tests.fakes.smtp_server import SmtpServer
from tests.inbound.effects.factories import ANSWERS, FROM, answer, make_answered, our_id
from tests.inbound.mails import dsn, letter, make_message

ENCODED = b"Content-Transfer-Encoding: base64\r\n"


@pytest.fixture
def sent(each_database: Flask) -> Delivery:
    return make_answered()


def read(raw: bytes) -> InboundMessage:
    message = make_message(raw)
    handle(message.id, now=clock.now())
    db.session.commit()
    return message


def notices() -> list[Notice]:
    return list(db.session.scalars(sa.select(Notice).order_by(Notice.id)))


def delivered(notice: Notice, **script: object) -> tuple[str, EmailMessage]:
    """The envelope's sender and the message as the server took it."""
    with SmtpServer(**script) as server:  # type: ignore[arg-type]
        make_server(port=server.port, security=Security.NONE, is_default=True)
        db.session.commit()
        send_notice(notice.id)
        path, _to, raw = server.messages[-1]
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return path, message


def test_an_answer_goes_to_the_reply_to_person_in_its_thread_with_the_original_as_it_was(
    sent: Delivery,
) -> None:
    raw = answer(sent, text="Can I bring a friend?")
    read(raw)
    (notice,) = notices()
    path, message = delivered(notice)
    assert path == ""
    assert message["To"] == ANSWERS
    assert message["Reply-To"] == "reader@example.org"
    assert message["From"].addresses[0].display_name.startswith("Reader")
    assert message["Subject"] == "Re: Hello"
    assert message["In-Reply-To"] == our_id(sent)
    assert message["References"].split() == [our_id(sent), "<answer1@example.org>"]
    assert message["Auto-Submitted"] == "auto-generated"
    text, original = message.iter_parts()
    assert "Can I bring a friend?" in text.get_content()
    assert original.get_content_type() == "message/rfc822"
    assert original.get_content().as_bytes(policy=policy.SMTP).strip() == raw.strip()


def test_letters_beyond_ascii_are_attached_byte_by_byte(sent: Delivery) -> None:
    raw = answer(sent, text="Grüße")
    read(raw)
    _path, message = delivered(notices()[0])
    _text, original = message.iter_parts()
    assert original.get_content() == raw


def test_a_server_that_takes_no_null_path_gets_one(sent: Delivery) -> None:
    read(answer(sent))
    path, _message = delivered(
        notices()[0], replies={"MAIL": lambda call: "501 5.1.7 no" if "<>" in call.argument else None}
    )
    assert path == FROM


def test_the_same_answer_is_forwarded_once(sent: Delivery) -> None:
    message = read(answer(sent))
    handle(message.id, now=clock.now())
    read(b"Received: by another way\r\n" + answer(sent))
    db.session.commit()
    assert len(notices()) == 1
    read(answer(sent, number=2))
    assert len(notices()) == 2


@pytest.mark.parametrize("reply_to", [None, FROM, "no-reply@news.example", "bounce+x@news.example"])
def test_nothing_is_forwarded_to_an_address_that_we_read_or_nobody_reads(
    each_database: Flask, reply_to: str | None
) -> None:
    delivery = make_answered(reply_to=reply_to)
    message = read(answer(delivery, to=FROM))
    assert [each.effect for each in message.findings] == [Effect.REPLIED]
    assert notices() == []


def test_an_answer_that_nobody_signed_is_forwarded_to_nobody(sent: Delivery) -> None:
    read(letter(FROM, "reader@example.org"))
    assert notices() == []


def test_what_we_forwarded_and_its_bounce_lead_to_nothing(sent: Delivery) -> None:
    read(answer(sent))
    _path, message = delivered(notices()[0])
    forwarded = message.as_bytes(policy=policy.SMTP)
    read(forwarded)
    head = forwarded.partition(b"\r\n\r\n")[0].decode()
    bounce = dsn(FROM, ANSWERS).replace(b"From: News <news@news.example>", head.encode())
    found = read(bounce)
    assert not found.is_signed
    part = bounce.partition(b"text/rfc822-headers\r\n\r\n")[2].partition(b"\r\n--b1--")[0]
    encoded = bounce.replace(b"text/rfc822-headers\r\n", b"text/rfc822-headers\r\n" + ENCODED)
    assert not read(encoded.replace(part, base64.encodebytes(part))).is_signed
    db.session.refresh(sent)
    assert sent.outcome is State.SENT
    assert len(notices()) == 1


def test_whoever_answers_without_end_fills_no_mailbox(
    sent: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "MOST_FORWARDED", 3)
    for number in range(6):
        read(answer(sent, number=number))
    assert len(notices()) == 3


def test_an_answer_that_is_too_large_is_named_and_not_attached(
    sent: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "LARGEST_ATTACHED", 100)
    read(answer(sent))
    assert notices()[0].attachment is None
    assert "too large" in notices()[0].text


def test_the_text_and_the_attachment_are_gone_once_it_was_sent(sent: Delivery) -> None:
    read(answer(sent))
    (notice,) = notices()
    assert notice.expires_at - notice.created_at > timedelta(hours=24)
    delivered(notice)
    db.session.refresh(notice)
    assert (notice.text, notice.attachment) == ("", None)


def test_the_persons_timeline_shows_the_answer(sent: Delivery) -> None:
    read(answer(sent))
    assert "Replied to “Spring”" in [each.sentence for each in timeline(sent.subscriber).moments]


def test_an_answer_goes_to_the_address_that_the_persons_field_had_in_reply_to(each_database: Flask) -> None:
    delivery = make_answered(reply_to='{{ manager | default("team@people.example") }}')
    person = db.session.get(Subscriber, delivery.subscriber_id)
    assert person is not None
    person.fields = {"manager": "zoe@people.example"}
    db.session.commit()
    read(answer(delivery))
    (notice,) = notices()
    assert notice.to_address == "zoe@people.example"
