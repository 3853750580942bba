"""Connections that a client cannot occupy at no cost: request heads are limited in time and size, and the
connection idle for longest is closed when there are too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from campaigns.webserver.limits import Limits

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


# A body is passed on in pieces of this size at least, or at its end: who sends it byte by byte wakes nobody.
PIECE_BYTES = 16 * 1024


class Waiting:
    """The connections of a process, and those without a request being answered, oldest first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[Connection, None] = {}
        self._waiting: dict[Connection, None] = {}

    def open(self, connection: Connection) -> None:
        """Add a connection; over the limit, the one idle for longest is cut, else the oldest."""
        if len(self._open) >= self._most:
            oldest = next(iter(self._waiting or self._open))
            self.close(oldest)
            oldest.cut()
        self._open[connection] = None
        self.put(connection)

    def put(self, connection: Connection) -> None:
        self._waiting[connection] = None

    def take(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    def close(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        self.take(connection)


class Client:
    """The client of one request, for whoever answers it."""

    def __init__(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        self._connection = connection
        self._cycle = cycle

    @property
    def waiting_bytes(self) -> int:
        """How much of the body has come and was not passed on yet."""
        return len(self._cycle.body)

    def received(self) -> bytes | None:
        """The rest of the body if all of it has come, also from a client that has gone since; else None."""
        if self._cycle.more_body:
            return None
        found, self._cycle.body = bytes(self._cycle.body), bytearray()
        self._connection.flow.resume_reading()
        return found

    @property
    def reads(self) -> bool:
        """Whether the client takes what it is sent: then sending does not wait."""
        return not self._connection.flow.write_paused

    def watch(self, gone: Callable[[], None]) -> None:
        """Have `gone` called when the client disconnects, until `unwatch`."""
        if self._connection.is_lost:
            gone()
        else:
            self._connection.watchers.append(gone)

    def unwatch(self, gone: Callable[[], None]) -> None:
        if gone in self._connection.watchers:
            self._connection.watchers.remove(gone)

    def cut(self) -> None:
        """Close the connection, even if data is unread."""
        self._connection.cut()


class Connection(HttpToolsProtocol):
    """One client's connection. uvicorn times it between requests; this class, from their first byte on."""

    limits = Limits()
    waiting = Waiting(limits.most_connections)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._is_in_head = True
        self.is_lost = False
        self.watchers: list[Callable[[], None]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting.open(self)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.waiting.close(self)
        super().connection_lost(exc)
        self.is_lost = True
        for gone in self.watchers:
            gone()
        self.watchers.clear()

    def data_received(self, data: bytes) -> None:
        self._time_head()
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.limits.largest_head_bytes:
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()
        self.scope["extensions"] = {"columba": Client(self, self.cycle)}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        if len(cycle.body) >= PIECE_BYTES:
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.waiting.take(self)  # from here on the app has to respond

    def on_response_complete(self) -> None:
        has_next = bool(self.pipeline)
        super().on_response_complete()
        if not has_next:
            self._is_in_head, self._head_bytes = True, 0
            self.waiting.put(self)

    def timeout_keep_alive_handler(self) -> None:
        """Nothing has arrived after a response: close, or cut if not even that was read."""
        if self.transport.get_write_buffer_size():
            self.cut()
        else:
            super().timeout_keep_alive_handler()

    def cut(self) -> None:
        """Close the connection, even if data is unread."""
        self.transport.abort()

    def _time_head(self) -> None:
        """From the first byte, of any kind, the head has to arrive in time."""
        if self._timer is None and self._is_in_head:
            self._timer = self.loop.call_later(self.limits.head_s, self.cut)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
