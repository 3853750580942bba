"""Messages as they come back, for deliveries of ours."""

from __future__ import annotations

import hashlib
import zlib

from campaigns.core import clock, signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.inbound.models import InboundMessage, Origin, Stage
from campaigns.settings import queries as settings_queries

UNKNOWN_USER = "550 5.1.1 <%s>: Recipient address rejected: User unknown"
FULL = "452 4.2.2 <%s> Mailbox is full"


def token(delivery: Delivery, purpose: Purpose = Purpose.BOUNCE) -> str:
    """What our mail to that recipient carries."""
    return signing.sign_local(settings_queries.link_key(), purpose, delivery.id)


def bounce_address(delivery: Delivery) -> str:
    return f"bounce+{token(delivery)}@news.example"


def dsn(
    to: str, address: str, *, text: str = UNKNOWN_USER, status: str = "5.1.1", action: str = "failed"
) -> bytes:
    """A report of Postfix's shape to that bounce address (RFC 3464)."""
    said = text % address if "%s" in text else text
    return f"""Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"
Message-Id: <20261130.1@mx.example.org>

--b1
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.org.

<{address}>: host mail.example.org said: {said}

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Arrival-Date: Mon, 30 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b1
Content-Type: text/rfc822-headers

From: News <news@news.example>
To: {address}
Subject: Hello

--b1--
""".replace("\n", "\r\n").encode()


def complaint(to: str, address: str, *, original: str = "", kind: str = "abuse") -> bytes:
    """A report in ARF (RFC 5965); `original`: header fields of the mail that it is about."""
    return f"""Return-Path: <>
From: feedback@provider.example
To: {to}
Subject: FW: Hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is an email abuse report.

--b1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1.0
Version: 1
Original-Rcpt-To: {address}

--b1
Content-Type: message/rfc822

From: News <news@news.example>
To: {address}
{original}Subject: Hello

Hello.

--b1--
""".replace("\n", "\r\n").encode()


def letter(
    to: str, sender: str, *, subject: str = "Re: Hello", more: str = "", text: str = "Thanks!"
) -> bytes:
    """What a person writes."""
    return f"""Return-Path: <{sender}>
Delivered-To: {to}
From: Reader <{sender}>
To: {to}
Subject: {subject}
{more}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

{text}
""".replace("\n", "\r\n").encode()


def make_message(
    raw: bytes, *, origin: Origin = Origin.MAILBOX, mailbox_id: int | None = None
) -> InboundMessage:
    """The message, stored and not handled yet."""
    message = InboundMessage(
        origin=origin,
        mailbox_id=mailbox_id,
        digest=hashlib.sha256(raw).hexdigest(),
        raw=zlib.compress(raw),
        size_bytes=len(raw),
        received_at=clock.now(),
        stage=Stage.STORED,
    )
    db.session.add(message)
    db.session.flush()
    return message
