"""The bytes of one connection: incoming ones become replies, outgoing ones wait for a slow server."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from contextlib import suppress
from typing import cast

from campaigns.mail.protocol import MalformedReply, Reply, ReplyReader

BLOCK_BYTES = 1 << 18
LOOK_S = 0.005


class Broken(Exception):
    """The connection is over; the text says why, in a few English words."""


class Channel(asyncio.Protocol):
    """Replies in order of arrival; replies that arrived before the connection broke still count.

    Not an asyncio stream: a stream wakes its reader for every piece and hides what arrived before an error.
    """

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self._has_ended = False
        self.transport: asyncio.Transport
        self._wire: asyncio.Transport  # below TLS
        self._parser = ReplyReader()
        self._reason = "the server closed the connection"
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._is_full = False

    # -- for the connection

    @property
    def is_over(self) -> bool:
        """Whether the other side closed or the connection broke: nothing can be sent any more."""
        # A failed write closes the transport at once, but is reported to us one turn of the loop later.
        return self._has_ended or self.transport.is_closing() or self._wire.is_closing()

    async def wait(self, timeout_s: float) -> None:
        """Return when there is a reply. Raises Broken, or TimeoutError after `timeout_s` seconds."""
        if self.replies:
            return
        if self._has_ended:
            raise Broken(self._reason)
        self._news = self._loop.create_future()
        await self._for(self._news, timeout_s)
        if not self.replies:
            raise Broken(self._reason)

    async def write(self, data: bytes | memoryview, timeout_s: float) -> None:
        """Write; waits while the server reads slowly: TimeoutError after `timeout_s` seconds.

        Does nothing on a broken connection: `wait` reports that, after the replies that arrived before.
        """
        if self.is_over:
            return
        self.transport.write(data)
        if self._wire.is_closing():
            self._read_the_rest()
        if self._is_full and not self.is_over:
            self._room = self._loop.create_future()
            await self._for(self._room, timeout_s)

    async def write_through(self, data: bytes, timeout_s: float) -> None:
        """Like `write`, block by block; returns when the system has taken the last byte."""
        block = memoryview(data)
        for start in range(0, len(data), BLOCK_BYTES):
            await self.write(block[start : start + BLOCK_BYTES], timeout_s)
        # The TLS layer regards encrypted bytes as sent: ask the transport below it.
        until = self._loop.time() + timeout_s
        while self._wire.get_write_buffer_size() and not self.is_over:
            if self._loop.time() > until:
                raise TimeoutError
            await asyncio.sleep(LOOK_S)
        for _turn in range(3):  # a break during the last block is noticed by the loop's next turns
            await asyncio.sleep(0)

    def forget(self) -> None:
        """Discard what has arrived, complete or not."""
        self._parser.discard()
        self.replies.clear()

    def give_up(self, reason: str) -> None:
        """Stop waiting, as if the connection had broken; `reason`: a few English words."""
        self._end(reason)

    def put_on(self, transport: asyncio.Transport) -> None:
        """Continue over this transport (TLS over the wire)."""
        self.transport = transport

    # -- for the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = self._wire = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        if self._has_ended:
            return
        try:
            self.replies.extend(self._parser.feed(data))
        except MalformedReply as error:  # the valid replies before it still count
            self._end(str(error))
        if self.replies:
            _wake(self._news)

    def eof_received(self) -> None:
        self._end("the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        if error and not self._has_ended:
            self._read_the_rest()
        self._end("the connection broke" if error else "the server closed the connection")

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        _wake(self._room)

    def _read_the_rest(self) -> None:
        """A failed write has closed the transport although replies had arrived, perhaps for accepted
        messages: read them.

        Not possible under TLS, where only the transport could read them.
        """
        if self.transport.get_extra_info("ssl_object") is not None:
            return
        number = self._wire.get_extra_info("socket").fileno()  # still open: the loop closes it after this
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as rest:
            while data := rest.recv(BLOCK_BYTES, socket.MSG_DONTWAIT):
                self.data_received(data)

    def _end(self, reason: str) -> None:
        if not self._has_ended:
            self._has_ended, self._reason = True, reason
        _wake(self._news)
        _wake(self._room)

    async def _for(self, event: asyncio.Future[None], timeout_s: float) -> None:
        timer = self._loop.call_later(timeout_s, _expire, event)
        try:
            await event
        finally:
            timer.cancel()


def _wake(event: asyncio.Future[None] | None) -> None:
    if event and not event.done():
        event.set_result(None)


def _expire(event: asyncio.Future[None]) -> None:
    if not event.done():
        event.set_exception(TimeoutError())
