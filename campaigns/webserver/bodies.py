"""Receives request bodies completely before the app runs; small ones in memory, others in a file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from campaigns.webserver.connections import Client
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

    async def take(self, receive: Receive, client: Client) -> Body:
        """The whole body, which the caller closes; raises Refused if it is too slow or too large, and Gone."""
        body = Body(self, self._folder)
        try:
            if (whole := client.received()) is None:
                await self._fill(body, receive, client)
            else:
                self._add(body, whole)
        except BaseException:
            body.close()
            raise
        return body

    async def _fill(self, body: Body, receive: Receive, client: Client) -> None:
        began = asyncio.get_running_loop().time()
        more = True
        while more:
            message = await self._next(body, receive, client, began)
            is_here = message["type"] == "http.request"
            chunk = message.get("body", b"") if is_here else client.received()
            if chunk is None:
                raise Gone
            more = is_here and message.get("more_body", False)
            self._add(body, chunk)

    async def _next(self, body: Body, receive: Receive, client: Client, began: float) -> Mapping[str, Any]:
        """The next message; raises Refused when fewer bytes have come than the time allows."""
        clock = asyncio.get_running_loop().time
        while True:
            size = body.size + client.waiting_bytes
            until = began + self._limits.body_s + size / self._limits.slowest_bytes_per_s
            if (left := until - clock()) <= 0:
                raise Refused(408)
            with suppress(TimeoutError):  # bytes may have come meanwhile, which nobody is woken for
                async with asyncio.timeout(left):
                    return await receive()

    def _add(self, body: Body, chunk: bytes) -> None:
        self._require_room(body.size + len(chunk), len(chunk))
        if chunk:
            body.add(chunk)

    def _require_room(self, size: int, more: int) -> None:
        if size > self._limits.largest_body_bytes:
            raise Refused(413)
        if size > IN_MEMORY_BYTES and self.held_bytes + more > self._limits.most_body_bytes:
            raise Refused(503)


class Body:
    """The part of a body that has arrived: in memory, and in a file beyond 64 KiB."""

    def __init__(self, owner: Bodies, folder: Path | None) -> None:
        self._owner = owner
        self._folder = folder
        self.size = 0
        self._file: IO[bytes] = BytesIO()

    def add(self, chunk: bytes) -> None:
        if self.size <= IN_MEMORY_BYTES < self.size + len(chunk):
            held, self._file = self._file, tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
            held.seek(0)
            self._file.write(held.read())
        self._file.write(chunk)
        self.size += len(chunk)
        self._owner.held_bytes += len(chunk)

    def rewound(self) -> IO[bytes]:
        """The body as a file, rewound to its beginning."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._owner.held_bytes -= self.size
        self.size = 0
        self._file.close()
