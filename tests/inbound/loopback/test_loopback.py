"""The loopback test: an email goes through a server to our own mailbox and tells of its way."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.effects.handling import handle
from campaigns.inbound.loopback.models import LoopbackTest
from campaigns.inbound.loopback.trace import Result, Trace, trace_of
from campaigns.inbound.models import Effect
from campaigns.settings.models import Sender
from tests.factories import make_sender, make_server
from tests.fakes.pop3_server import FakePop3
from tests.fakes.smtp_server import SmtpServer
from tests.inbound.mailboxes.mailboxes import make_mailbox
from tests.inbound.mails import make_message

WAY = (
    b"Received: from mx.example.org (mx.example.org [192.0.2.7])\r\n by store.example.org (Dovecot) with LMTP id 9;"
    b" Mon, 30 Nov 2026 10:00:07 +0000\r\n"
    b"Authentication-Results: mx.example.org; spf=pass (yes) smtp.mailfrom=news@news.example;\r\n"
    b" dkim=fail (bad key) header.d=news.example; dmarc=fail header.from=news.example\r\n"
    b"Received: from relay.example.net (unknown [192.0.2.1]) by mx.example.org (Postfix) with ESMTPS id 1;\r\n"
    b" Mon, 30 Nov 2026 10:00:05 +0000\r\n"
    b"Authentication-Results: forged.example; dkim=pass header.d=news.example\r\n"
)


def make_ready() -> Sender:
    sender = make_sender("news@news.example", bounce_address="bounce@news.example")
    with FakePop3() as pop:
        make_mailbox(pop)
    return sender


def test_it_goes_out_comes_back_and_the_page_says_how(app: Flask, ada: FlaskClient) -> None:
    sender = make_ready()
    with SmtpServer() as server:
        row = make_server("Relay", port=server.port)
        page = ada.post("/loopback", data={"server": row.id, "sender": sender.id}, follow_redirects=True)
        ((_from, to, raw),) = server.messages
    assert "On its way" in page.text
    assert to.startswith("bounce+")
    message = make_message(b"Delivered-To: " + to.encode() + b"\r\n" + WAY + raw)
    handle(message.id, now=clock.now())
    db.session.commit()
    assert [each.effect for each in message.findings] == [Effect.ARRIVED]
    page = ada.get("/loopback/1").text
    for said in (
        "Arrived",
        "Checked by mx.example.org.",
        "SPF passed: the server may send for news.example.",
        "DKIM did not pass (fail) for news.example.",
        "relay.example.net",
        "Encrypted",
    ):
        assert said in page
    assert "forged.example" not in page
    assert "Relay" in ada.get("/loopback").text


def test_a_test_arrives_once_and_a_bounce_of_it_is_no_arrival(app: Flask, ada: FlaskClient) -> None:
    sender = make_ready()
    with SmtpServer() as server:
        row = make_server(port=server.port)
        ada.post("/loopback", data={"server": row.id, "sender": sender.id})
        ((_from, to, raw),) = server.messages
    for number in range(2):
        handle(
            make_message(b"Delivered-To: " + to.encode() + b"\r\nX: %d\r\n" % number + raw).id,
            now=clock.now(),
        )
        db.session.commit()
    first = db.session.scalars(sa.select(LoopbackTest)).one().arrived_at
    assert first is not None


def test_what_a_server_refuses_is_shown_with_its_words(app: Flask, ada: FlaskClient) -> None:
    sender = make_ready()
    row = make_server(port=1)
    page = ada.post("/loopback", data={"server": row.id, "sender": sender.id}, follow_redirects=True).text
    assert "Not accepted" in page
    assert "The server did not accept the email." in page


def test_without_a_bounce_address_or_a_mailbox_it_says_what_is_missing(app: Flask, ada: FlaskClient) -> None:
    row, plain = make_server(), make_sender("plain@news.example")
    answer = ada.post("/loopback", data={"server": row.id, "sender": plain.id})
    assert (answer.status_code, "no bounce address" in answer.text) == (409, True)
    other = make_sender("news@news.example", bounce_address="bounce@news.example")
    answer = ada.post("/loopback", data={"server": row.id, "sender": other.id})
    assert (answer.status_code, "No mailbox is read." in answer.text) == (409, True)
    assert ada.post("/loopback", data={"server": "x", "sender": "1"}).status_code == 404


def test_the_way_is_read_from_the_first_server_on_and_only_the_topmost_result_is_believed() -> None:
    trace = trace_of(WAY + b"\r\nHello")
    assert [(each.by, each.is_encrypted, each.seconds) for each in trace.hops] == [
        ("mx.example.org", True, None),
        ("store.example.org", False, 2),
    ]
    assert trace.checked_by == "mx.example.org"
    assert trace.results == (
        Result("spf", "pass", "news.example"),
        Result("dkim", "fail", "news.example"),
        Result("dmarc", "fail", "news.example"),
    )
    assert trace.missing == []
    assert Trace.read(trace.stored) == trace


def test_a_check_of_which_nothing_is_said_is_missing_and_one_that_failed_is_not() -> None:
    head = b"Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=news.example\r\n\r\n"
    assert trace_of(head).missing == ["DKIM", "DMARC"]


@pytest.mark.parametrize(
    "raw", [b"", b"Received:\r\n\r\n", b"Authentication-Results: ;;;=;\r\n", b"Received: by by by; x\r\n\xff"]
)
def test_a_broken_head_tells_nothing(raw: bytes) -> None:
    assert trace_of(raw).missing == ["SPF", "DKIM", "DMARC"]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_read(one: bytes, other: bytes) -> None:
    trace = trace_of(b"Received: " + one + b"\r\nAuthentication-Results: " + other + b"\r\n\r\n")
    assert all(each.sentence is not None for each in trace.results)
