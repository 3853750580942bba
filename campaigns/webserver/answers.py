"""Responses on their way from a thread to a client that may read slowly: the thread never waits for it."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import IO

IN_MEMORY_BYTES = 256 * 1024  # of one response
PIECE_BYTES = 64 * 1024
SMALL_BYTES = 16 * 1024  # a first piece up to this size waits for the second one, or for the end


class ClientGone(Exception):
    """The client has disconnected."""


class Memory:
    """Limits the bytes that all responses of a process hold in memory."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._lock = Lock()

    def take(self, number: int) -> bool:
        """Reserve that many bytes; False if there is no room."""
        with self._lock:
            if number > self._left:
                return False
            self._left -= number
            return True

    def give(self, number: int) -> None:
        with self._lock:
            self._left += number


class Answer:
    """One response. The thread calls `start`, `write` and `end`; the event loop uses `head` and `piece`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, memory: Memory, folder: Path | None = None) -> None:
        self._loop = loop
        self._memory = memory
        self._folder = folder
        self._news = asyncio.Event()
        self._lock = Lock()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._has_called = False
        self._file: IO[bytes] | None = None
        self._read_to = self._written_to = self._size = 0
        self._is_over = False
        self._is_gone = False
        self.is_broken = False
        self.head: tuple[int, list[tuple[bytes, bytes]]] | None = None

    # -- for the thread

    def start(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Set status and headers; sent with the first byte of the body, and replaceable until then."""
        self.head = status, [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def write(self, chunk: bytes) -> None:
        """Append a piece of the body; raises ClientGone."""
        if self._is_gone:
            raise ClientGone
        if not chunk:
            return
        is_first, self._size = not self._size, self._size + len(chunk)
        with self._lock:
            fits = self._file is None and self._held + len(chunk) <= IN_MEMORY_BYTES
            if fits and self._memory.take(len(chunk)):
                self._pieces.append(chunk)
                self._held += len(chunk)
            else:
                self._write_to_file(chunk)
        if not is_first or len(chunk) > SMALL_BYTES:
            self._tell()  # most answers have one piece: then `end` tells, and the loop wakes once

    def fail(self) -> None:
        """The body will never be complete."""
        self.is_broken = True

    def end(self) -> None:
        """The body is complete."""
        self._is_over = True
        self._tell()

    def _write_to_file(self, chunk: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed by `close`)
        self._file.seek(self._written_to)
        self._file.write(chunk)
        self._written_to += len(chunk)

    def _tell(self) -> None:
        if self._has_called:
            return  # the loop will see this too: it looks only after `_hear`
        self._has_called = True
        try:
            self._loop.call_soon_threadsafe(self._hear)
        except RuntimeError as error:  # the loop is closed: the server has stopped
            raise ClientGone from error

    # -- for the event loop

    def _hear(self) -> None:
        self._has_called = False
        self._news.set()

    async def piece(self) -> tuple[bytes, bool]:
        """The next piece of the body, at most 64 KiB from a file, and whether it is the last one."""
        while True:
            self._news.clear()
            is_over = self._is_over  # read first: nothing is written after it is set
            found, is_all = self._next()
            if found or is_over:
                return found, is_over and is_all
            await self._news.wait()

    async def over(self) -> None:
        """Wait until the thread is done with this answer."""
        while not self._is_over:
            self._news.clear()
            if not self._is_over:
                await self._news.wait()

    def _next(self) -> tuple[bytes, bool]:
        """What can be sent, and whether that is all there is so far."""
        with self._lock:
            if self._pieces:
                found = b"".join(self._pieces)
                self._let_go()
            elif self._file is not None and self._read_to < self._written_to:
                self._file.seek(self._read_to)
                found = self._file.read(min(PIECE_BYTES, self._written_to - self._read_to))
                self._read_to += len(found)
            else:
                found = b""
            return found, self._read_to == self._written_to

    @property
    def is_gone(self) -> bool:
        return self._is_gone

    def give_up(self) -> None:
        """The client will not read the rest."""
        self._is_gone = True

    def close(self) -> None:
        with self._lock:
            self._is_gone = True
            self._let_go()
            if self._file is not None:
                self._file.close()
                self._file = None

    def _let_go(self) -> None:
        self._pieces.clear()
        self._memory.give(self._held)
        self._held = 0
