"""Attempts to open a connection, and how long they are worth it."""

from __future__ import annotations

import asyncio

from campaigns.mail.connection import Connection
from campaigns.mail.errors import Unreachable
from campaigns.mail.protocol import Phase


class GivenUp(Exception):
    """No one needs the connection any more."""


class Openings:
    """`until` (the loop's clock): attempts may last that long, and each at least the time to connect."""

    def __init__(self) -> None:
        self.until: float | None = None
        self._is_over = False
        self._running: set[asyncio.Timeout] = set()

    async def open(self, connection: Connection) -> None:
        """Open it. Raises Unreachable, Denied or GivenUp, and then nothing stays open."""
        if self._is_over:
            raise GivenUp
        try:
            async with asyncio.timeout_at(self._end_for(connection)) as running:
                self._running.add(running)
                await connection.open()
        except TimeoutError as error:
            if self._is_over:
                raise GivenUp from error
            raise Unreachable(Phase.CONNECT, "no answer", is_late=True) from error
        finally:
            self._running.discard(running)

    def begin(self) -> None:
        """Attempts are allowed again from now on."""
        self._is_over = False

    def end(self) -> None:
        """Give up all attempts."""
        self._is_over = True
        now = asyncio.get_running_loop().time()
        for each in self._running:
            if not each.expired():  # its time has not just run out by itself
                each.reschedule(now)

    def _end_for(self, connection: Connection) -> float | None:
        if self.until is None:
            return None
        now = asyncio.get_running_loop().time()
        return max(self.until, now + connection.server.timeouts.connect)
