"""The test inbox answers as servers and people do, for mails of campaigns, and what comes back is read as theirs."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime

import pytest

from campaigns.core.config import Config
from campaigns.inbound.verdicts.classify import classify
from campaigns.inbound.verdicts.verdict import Cause, Kind
from campaigns.practice import store
from campaigns.practice.answers import answer_to

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MAIL = (
    b"From: News <news@news.example>\r\nTo: x@example.org\r\nSubject: Hello\r\n"
    b"Message-ID: <atoken@news.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n"
)


def answer(to: str, raw: bytes = MAIL) -> bytes | None:
    return answer_to(raw, mail_from="bounce+atoken@news.example", rcpt_to=to, now=NOW)


@pytest.mark.parametrize(
    ("to", "kind", "reason"),
    [
        ("bounce@example.org", Kind.BOUNCE, Cause.BAD_ADDRESS),
        ("Bounce.ana@example.org", Kind.BOUNCE, Cause.BAD_ADDRESS),
        ("full@example.org", Kind.BOUNCE, Cause.MAILBOX_FULL),
        ("complain@example.org", Kind.COMPLAINT, Cause.COMPLAINT),
        ("away@example.org", Kind.AUTO_REPLY, None),
        ("reply@example.org", Kind.REPLY, None),
    ],
)
def test_each_address_gets_the_answer_that_it_is_named_after(
    to: str, kind: Kind, reason: Cause | None
) -> None:
    raw = answer(to)
    assert raw is not None
    verdict = classify(raw)
    assert verdict.kind is kind
    if reason is not None:
        assert [(each.address.lower(), each.reason) for each in verdict.recipients] == [(to.lower(), reason)]
    assert any("atoken" in way for way in verdict.ways)


def test_everybody_else_gets_none() -> None:
    assert answer("ana@example.org") is None


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"Subject: x\r\n y\r\n", b"\xff\x00" * 5000])
def test_a_broken_mail_is_answered_too(raw: bytes) -> None:
    for to in ("bounce@example.org", "complain@example.org", "reply@example.org"):
        assert answer(to, raw)


def test_answers_wait_for_the_reader_and_only_campaigns_get_some(box: Config) -> None:
    own = MAIL.replace(b"List-Unsubscribe-Post", b"X-Other")
    with smtplib.SMTP("127.0.0.1", box.practice_port) as client:
        client.sendmail("bounce+atoken@news.example", ["bounce@example.org", "ana@example.org"], MAIL)
        client.sendmail("news@news.example", ["bounce@example.org"], own)
    assert store.has_answers(box)
    found = store.answers(box)
    assert len(found) == 1
    assert classify(found[0].raw).kind is Kind.BOUNCE
    store.forget_answers(box, upto=found[0].id)
    assert not store.has_answers(box)
    assert len(store.raw_messages(box)) == 3
