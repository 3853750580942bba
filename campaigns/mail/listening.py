"""Listens for mail with aiosmtpd, for whoever takes it."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP


@dataclass(frozen=True, slots=True)
class Listener:
    """Where and how it listens. A handler as aiosmtpd asks for one decides what is taken."""

    host: str
    port: int
    name: str
    ident: str
    largest_bytes: int  # of a message
    idle_limit_s: int  # after which a connection is closed
    backlog: int
    speaks: type[SMTP] = SMTP

    async def run(self, handler: object, stop: threading.Event, ready: threading.Event | None = None) -> None:
        """Take mail until `stop` is set; raises OSError when the port is taken. Sets `ready` once it listens."""
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd logs a line for each command
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            return self.speaks(
                handler,
                hostname=self.name,
                ident=self.ident,
                data_size_limit=self.largest_bytes,
                enable_SMTPUTF8=True,
                timeout=self.idle_limit_s,
                loop=loop,
            )

        server = await loop.create_server(protocol, self.host, self.port, backlog=self.backlog)
        if ready is not None:
            ready.set()
        try:
            await asyncio.to_thread(stop.wait)
        finally:
            server.close()
