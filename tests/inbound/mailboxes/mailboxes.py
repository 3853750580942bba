"""Mailboxes for tests: rows that point to a server, a reading of one, and a handler that remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.mailboxes import leases, services
from campaigns.inbound.mailboxes.protocols.session import Bounds
from campaigns.inbound.mailboxes.reader import Reading, read_held
from campaigns.inbound.mailboxes.services import Settings
from campaigns.inbound.mailboxes.stored import Effects
from campaigns.inbound.models import InboundMessage, Mailbox, Protocol, Stage
from campaigns.inbound.verdicts.verdict import Kind
from campaigns.mail.security import Security
from tests.factories import NOON
from tests.fakes.imap_server import FakeImap
from tests.fakes.pop3_server import FakePop3

# What an operator types in the form.
TYPED = {
    "name": "Bounces",
    "protocol": "imap",
    "host": "127.0.0.1",
    "security": "none",
    "username": "bounce",
    "password": "secret",
    "after_reading": "delete",
    "is_active": "y",
    "verify_certificate": "y",
    "sign_in": "password",
    "provider": "google",
}
QUICK = Bounds(seconds=20, patience=0.3, connect=2, command=2, idle=0)


def mail(number: int, *, size: int = 0) -> bytes:
    """A message, each number another one."""
    head = f"From: Ann <ann@example.org>\r\nSubject: Number {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
    body = f"Hello {number}\r\n"
    return head.encode() + body.encode() + b"x" * 60 + b"\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)


def make_mailbox(server: Any, name: str = "Bounces", **values: Any) -> Mailbox:
    """A mailbox on that fake server."""
    protocol = Protocol.IMAP if isinstance(server, FakeImap) else Protocol.POP3
    chosen = {
        "name": name,
        "protocol": protocol,
        "host": "127.0.0.1",
        "port": server.port,
        "security": Security.NONE,
        "username": server.user,
        "password": server.password,
        **values,
    }
    made = services.create_mailbox(Settings(**chosen), now=NOON)
    db.session.commit()
    return made


@dataclass(frozen=True)
class Outcome:
    kind: Kind
    campaigns: frozenset[int] = frozenset()


@dataclass
class Handler:
    """Handles messages by marking them, and remembers which."""

    kind: Kind = Kind.REPLY
    handled: list[int] = field(default_factory=list)
    fails_on: Callable[[InboundMessage], bool] = lambda _message: False
    fails_together: bool = False

    def some(self, message_ids: Sequence[int], *, now: datetime) -> list[Outcome]:
        """Several in one transaction: what was handled of them is forgotten when one fails."""
        before = len(self.handled)
        try:
            if self.fails_together:
                raise ValueError("together")
            return [self(each, now=now) for each in message_ids]
        except ValueError:
            del self.handled[before:]
            raise

    def __call__(self, message_id: int, *, now: datetime) -> Outcome:
        message = db.session.get_one(InboundMessage, message_id)
        if self.fails_on(message):
            raise ValueError("poison")
        message.stage, message.kind, message.handled_at = Stage.HANDLED, self.kind, now
        self.handled.append(message_id)
        return Outcome(self.kind)


def read(
    mailbox: Mailbox, handler: Handler | None = None, *, bounds: Bounds = QUICK, **options: Any
) -> Reading:
    """Read it once, as a worker does; raises MailboxError."""
    hold = leases.take(mailbox.id)
    db.session.commit()
    handler = handler or Handler()
    effects = Effects(handler, handler.some, lambda _campaigns, now: None)
    assert hold is not None, "somebody else reads it"
    return read_held(hold, effects, now=clock.now, bounds=bounds, **options)


def subjects() -> list[str]:
    """Of all messages that are stored, in the order of storing."""
    db.session.expire_all()
    return list(db.session.scalars(sa.select(InboundMessage.subject).order_by(InboundMessage.id)))


def stages() -> list[str]:
    db.session.expire_all()
    return [
        each.value for each in db.session.scalars(sa.select(InboundMessage.stage).order_by(InboundMessage.id))
    ]


SERVERS = {"imap": FakeImap, "pop3": FakePop3}


def left(server: Any) -> int:
    """How many messages are on the server."""
    return len(server.folder if isinstance(server, FakeImap) else server.drop)


def run(app: Flask, *args: str, stdin: str | None = None) -> Any:
    """The result of `flask mailbox` with these arguments."""
    found = app.test_cli_runner().invoke(args=["mailbox", *args], input=stdin)
    db.session.rollback()
    db.session.expire_all()
    return found
