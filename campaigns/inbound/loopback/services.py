"""Sends a loopback test, and keeps what arrives."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

from campaigns.audit import services as audit_services
from campaigns.core import config, inboxes, mail_addresses, signing
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _, translate
from campaigns.core.signing import Purpose
from campaigns.inbound.loopback.models import LoopbackTest
from campaigns.inbound.loopback.trace import trace_of
from campaigns.mail import message, smtp
from campaigns.settings import queries as settings_queries
from campaigns.settings import server_test
from campaigns.settings import services as settings_services
from campaigns.settings.domains.signing import sign_from
from campaigns.settings.models import Sender, Server

LONGEST_REPLY = 500


def begin(server: Server, sender: Sender, *, now: datetime) -> LoopbackTest:
    """A test of that server from that sender; `send` sends it. The caller commits.

    Raises Conflict if the sender has no bounce address, or no mailbox is read.
    """
    if not sender.bounce_address:
        raise Conflict(_("This sender has no bounce address to send the test to. Set one on its page."))
    if not inboxes.is_any_read():
        raise Conflict(_("No mailbox is read. Add the mailbox of the bounce address first."))
    test = LoopbackTest(server_id=server.id, sender=sender.email, address="", sent_at=now)
    db.session.add(test)
    db.session.flush()
    token = signing.sign_local(settings_queries.link_key(), Purpose.LOOPBACK, test.id)
    test.address = mail_addresses.with_token(sender.bounce_address, token)
    audit_services.record("loopback.sent", server.name, now=now)
    return test


def prepared(
    test: LoopbackTest, server: Server, sender: Sender, *, now: datetime
) -> tuple[smtp.Server, smtp.Envelope]:
    """What is sent, read from the database so that none stays open meanwhile; raises Misconfigured."""
    running = config.current()
    raw = message.build_notice(
        from_=(sender.name, sender.email),
        to=test.address,
        subject=translate("Loopback test of %(server)s", server=server.name),
        text=translate("This email tests the way from our sending server to our own mailbox."),
        message_id=f"<{secrets.token_hex(16)}@{running.public_host}>",
        date=now,
        sign=sign_from(sender.email, now),
    )
    envelope = smtp.Envelope(key=0, mail_from=sender.email, rcpt_to=test.address, message=raw)
    return settings_services.connection(server), envelope


def send(target: smtp.Server, envelope: smtp.Envelope) -> tuple[bool, str]:
    """Send it; whether the server took it, and what it said."""
    result = server_test.send(replace(target, connections=1), envelope)
    return result.error is None, result.error or " ".join(step.text for step in result.steps if step.text)


def note_sent(test_id: int, *, is_accepted: bool, reply: str) -> None:
    """Keep what the server said. The caller commits."""
    test = db.session.get(LoopbackTest, test_id)
    if test is not None:
        test.is_accepted, test.reply = is_accepted, reply[:LONGEST_REPLY]


def arrived(number: int, raw: bytes, *, now: datetime) -> bool:
    """Keep the way of a test that has arrived; False if there is no such test, or it has arrived before."""
    test = db.session.get(LoopbackTest, number, with_for_update=True)
    if test is None or test.arrived_at is not None:
        return False
    test.arrived_at, test.trace, test.is_accepted = now, trace_of(raw).stored, True
    return True
