"""The test inbox's SMTP server: accepts every message on loopback and sends none on."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from campaigns.core.config import Config
from campaigns.mail.listening import Listener
from campaigns.practice import store

HOST = "127.0.0.1"
LARGEST_BYTES = 50 * 1024 * 1024
IDLE_LIMIT_S = 300
MOST_AT_ONCE = 200

REFUSED = {
    "nobody": "550 5.1.1 There is no such mailbox here (practice)",
}

Waiting = tuple[list[store.Arrival], "asyncio.Future[None]"]

log = logging.getLogger(__name__)


def run(config: Config, stop: threading.Event) -> None:
    """Serve on the practice port until `stop` is set; raises OSError when the port is taken."""
    asyncio.run(_serve(config, stop))


async def _serve(config: Config, stop: threading.Event) -> None:
    handler = _Handler(config)
    listener = Listener(
        HOST,
        config.practice_port,
        name="practice.localhost",
        ident="test inbox",
        largest_bytes=LARGEST_BYTES,
        idle_limit_s=IDLE_LIMIT_S,
        backlog=128,
    )
    writer = asyncio.create_task(handler.write())
    try:
        await listener.run(handler, stop)
    finally:
        await handler.close()
        await writer


class _Handler:
    """Replies 250 only when a message is stored; simultaneous messages share a transaction."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.waiting: asyncio.Queue[Waiting | None] = asyncio.Queue()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer pipelining: commands are read from a buffer one by one, in order (RFC 2920)."""
        session.host_name = hostname  # type: ignore[assignment]
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept all recipients except addresses that ask for a refusal, which simulate failures."""
        for beginning, refusal in REFUSED.items():
            if address.lower().startswith(beginning):
                return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the message once for each recipient."""
        content: Any = envelope.original_content or b""
        now, sender = datetime.now(UTC), envelope.mail_from or ""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.waiting.put(([store.Arrival(now, sender, to, content) for to in envelope.rcpt_tos], kept))
        try:
            await kept
        except Exception:
            log.exception("The test inbox could not keep a mail")
            return "451 4.3.0 The test inbox can't write to its file"
        return "250 2.0.0 Kept in the test inbox"

    async def write(self) -> None:
        """Store waiting messages, all at once up to a batch, until closed."""
        while (first := await self.waiting.get()) is not None:
            batch = [first, *self._more()]
            arrivals = [each for mails, _kept in batch for each in mails]
            try:
                await asyncio.to_thread(store.keep, self.config, arrivals)
            except Exception as error:
                _tell(batch, error)
            else:
                _tell(batch, None)

    def _more(self) -> Iterator[Waiting]:
        """Messages that wait already, up to a batch, without waiting for more."""
        for _place in range(MOST_AT_ONCE - 1):
            if self.waiting.empty():
                return
            more = self.waiting.get_nowait()
            if more is None:
                self.waiting.put_nowait(None)  # stop after this batch
                return
            yield more

    async def close(self) -> None:
        """Let `write` store what waits, then end."""
        await self.waiting.put(None)


def _tell(batch: list[Waiting], error: Exception | None) -> None:
    for _mails, kept in batch:
        if kept.done():
            continue  # the sender has disconnected
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
