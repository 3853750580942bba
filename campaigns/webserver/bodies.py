"""Receives request bodies completely before the app runs; small ones in memory, others in a file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO, Any

from campaigns.webserver.limits import Limits

IN_MEMORY_BYTES = 64 * 1024
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class Refused(Exception):
    """The body is refused with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Gone(Exception):
    """The client disconnected before its request was complete."""


class Bodies:
    """Receives bodies for one process and counts the bytes that they occupy."""

    def __init__(self, limits: Limits, folder: Path | None = None) -> None:
        self._limits = limits
        self._folder = folder
        self.held_bytes = 0

    async def take(self, receive: Receive, received: Callable[[], bytes | None]) -> Body:
        """The whole body, which the caller closes; raises Refused if it is too slow or too large, and Gone.

        `received` returns the remaining body of a client that disconnected after sending all of it.
        """
        body = Body(self, self._folder)
        try:
            await self._fill(body, receive, received)
        except BaseException:
            body.close()
            raise
        return body

    async def _fill(self, body: Body, receive: Receive, received: Callable[[], bytes | None]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        more = True
        while more:
            until = began + self._limits.body_s + body.size / self._limits.slowest_bytes_per_s
            message = await _within(receive(), until - clock())
            is_here = message["type"] == "http.request"
            chunk = message.get("body", b"") if is_here else received()
            if chunk is None:
                raise Gone
            more = is_here and message.get("more_body", False)
            self._require_room(body.size + len(chunk), len(chunk))
            if chunk:
                body.add(chunk)

    def _require_room(self, size: int, more: int) -> None:
        if size > self._limits.largest_body_bytes:
            raise Refused(413)
        if size > IN_MEMORY_BYTES and self.held_bytes + more > self._limits.most_body_bytes:
            raise Refused(503)


class Body:
    """The part of a body that has arrived."""

    def __init__(self, owner: Bodies, folder: Path | None) -> None:
        self._owner = owner
        self.size = 0
        place = str(folder) if folder else None
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=place)  # noqa: SIM115

    def add(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.size += len(chunk)
        self._owner.held_bytes += len(chunk)

    def rewound(self) -> IO[bytes]:
        """The body as a file, rewound to its beginning."""
        self.file.seek(0)
        return self.file

    def close(self) -> None:
        self._owner.held_bytes -= self.size
        self.size = 0
        self.file.close()


async def _within(message: Awaitable[Mapping[str, Any]], seconds: float) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await message
    except TimeoutError:
        raise Refused(408) from None
