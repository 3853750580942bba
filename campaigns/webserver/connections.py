"""Connections that a client cannot occupy at no cost: request heads are limited in time and size, and the
connection idle for longest is closed when there are too many.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from campaigns.webserver.limits import Limits

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


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


class Connection(HttpToolsProtocol):
    """One client's connection. uvicorn times it between requests; this class, from their first byte on."""

    limits = Limits()
    waiting = Waiting(limits.most_connections)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._is_in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting.open(self)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.waiting.close(self)
        super().connection_lost(exc)

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
        extensions: dict[str, Any] = {"columba.cut": self.cut}
        self.scope["extensions"] = extensions

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_timer()
        super().on_headers_complete()
        cycle = self.cycle

        def received() -> bytes | None:
            """The complete body of a client that disconnected after it; None if some of it is missing."""
            return None if cycle.more_body else bytes(cycle.body)

        extensions: dict[str, Any] = self.scope["extensions"]  # type: ignore[assignment]
        extensions["columba.received"] = received

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
