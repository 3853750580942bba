"""A way in without a mailbox: LMTP (RFC 2033) or SMTP, for addresses that carry a signed token of ours and no others."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.mail_addresses import way_of
from campaigns.inbound.mailboxes import intake
from campaigns.inbound.mailboxes.hints import HANDLE
from campaigns.inbound.models import Origin
from campaigns.mail.listening import Listener

LARGEST_BYTES = 10 * 1024 * 1024
IDLE_LIMIT_S = 120
MOST_CONNECTIONS = 50
MOST_RECIPIENTS = 100
REFUSED = "550 5.1.1 No such address here"
TOO_MANY = "452 4.5.3 Too many recipients"
NOT_KEPT = "451 4.3.0 The message could not be kept. Try again later"
BUSY = "421 4.7.0 Too many connections. Try again later"

OpenContext = Callable[[], AbstractContextManager[object]]
log = logging.getLogger(__name__)


def run(
    place: tuple[str, str, int],
    *,
    key: bytes,
    open_context: OpenContext,
    stop: threading.Event,
    ready: threading.Event | None = None,
) -> None:
    """Take messages there until `stop` is set; raises OSError when the port is taken. `key`: signs our addresses."""
    kind, host, port = place
    listener = Listener(
        host,
        port,
        name="intake.localhost",
        ident="intake",
        largest_bytes=LARGEST_BYTES,
        idle_limit_s=IDLE_LIMIT_S,
        backlog=64,
        speaks=LMTP if kind == "lmtp" else SMTP,
    )
    asyncio.run(listener.run(Intake(key, open_context), stop, ready))


class Intake:
    """Says 250 only once the message is stored; with LMTP for each recipient (RFC 2033 section 4.2)."""

    def __init__(self, key: bytes, open_context: OpenContext) -> None:
        self._key, self._open_context = key, open_context
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take addresses of ours alone."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY
        if way_of(self._key, address.rpartition("@")[0] or address) is None:
            return REFUSED
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the message, with the addresses that it came to, once."""
        if self._places.locked():
            return BUSY
        raw = with_addresses(envelope)
        async with self._places:
            try:
                await asyncio.to_thread(self._keep, raw)
            except Exception:
                log.exception("A message could not be kept.")
                return NOT_KEPT
        replies = len(envelope.rcpt_tos) if isinstance(server, LMTP) else 1
        return "\r\n".join(["250 2.0.0 Kept"] * replies)

    def _keep(self, raw: bytes) -> None:
        with self._open_context():
            try:
                made = intake.store(raw, origin=Origin.INTAKE, mailbox_id=None, now=clock.now())
                message_id = made.id if made is not None else None
                db.session.commit()
                if message_id is not None:
                    queue.enqueue(HANDLE, message_id)
            finally:
                db.session.remove()


def with_addresses(envelope: Envelope) -> bytes:
    """The message with the addresses of its envelope on top, as a delivery writes them (RFC 5321 section 4.4)."""
    content = envelope.original_content or b""
    top = [f"Return-Path: <{envelope.mail_from or ''}>", *(f"Delivered-To: {to}" for to in envelope.rcpt_tos)]
    return "".join(f"{line}\r\n" for line in top).encode("utf-8", "replace") + content
