"""One connection to a server: opened, protected, signed in; then replies one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque

from campaigns.mail import auth
from campaigns.mail.envelope import Server
from campaigns.mail.errors import Denied, Lost, Silent, Unreachable
from campaigns.mail.protocol import (
    NO_CAPABILITIES,
    Capabilities,
    MalformedReply,
    Phase,
    Reply,
    ReplyReader,
    command,
)
from campaigns.mail.security import Security

READ_BYTES = 1 << 16
BLOCK_BYTES = 1 << 18
LOOK_S = 0.002
LONGEST_AUTH_LINE = 12288  # RFC 4954 section 4
REST_S = 5.0  # after a longer rest a connection is asked whether it is still there


class Connection:
    """Not for sharing: one conversation at a time. `sent` counts messages handed over on it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.capabilities: Capabilities = NO_CAPABILITIES
        self.sent = 0
        self.has_answered = False  # at least one message
        self.rested_at = time.monotonic()
        self.opened_at = time.monotonic()
        self.is_closing = False
        self.farewell: Reply | None = None  # the 421 that it said
        self._parser = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._nonsense: MalformedReply | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._wire: asyncio.WriteTransport  # below TLS

    async def open(self) -> None:
        """Connect, greet, protect, sign in. Raises Unreachable or Denied; nothing stays open then."""
        try:
            await self._connect()
            await self._greet()
            if self.server.security is Security.STARTTLS:
                await self._start_tls()
            if self.server.username:
                await self._sign_in()
        except BaseException:
            self.abort()
            raise

    @property
    def is_worn(self) -> bool:
        """Whether it has carried enough messages, or is old enough, to be replaced."""
        if self.is_closing or self.sent >= self.server.messages_per_connection:
            return True
        return time.monotonic() - self.opened_at > self.server.max_age_s

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer, for those who want to show its certificate."""
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object") if self._writer else None
        return found

    async def write(self, data: bytes, phase: Phase) -> None:
        """One write for one group, waiting while the server is slow to read. Raises Silent.

        A broken connection is told by `reply`, after the replies that came before it broke.
        """
        with contextlib.suppress(OSError):
            await self._write(data, phase)

    async def write_through(self, data: bytes, phase: Phase) -> None:
        """As `write`, block by block, and return when the system has taken the last byte. Raises Lost."""
        assert self._writer
        block = memoryview(data)
        try:
            for start in range(0, len(data), BLOCK_BYTES):
                await self._write(block[start : start + BLOCK_BYTES], phase)
            async with asyncio.timeout(self.server.timeouts.write):
                # The TLS layer counts what it has encrypted as gone: the wire below it must be asked.
                while self._wire.get_write_buffer_size() and not self._writer.is_closing():
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise Silent(phase, "the server stopped reading") from error
        except OSError as error:
            raise Lost(phase, "the connection broke") from error

    @property
    def is_gone(self) -> bool:
        """Whether it is known to be closed, with nothing left to read."""
        return self._reader.at_eof() or (
            self._reader.exception() is not None and not self._reader._buffer  # type: ignore[attr-defined]
        )

    async def is_awake(self) -> bool:
        """Whether a connection that rested can be used: silent meanwhile, and answering after a long rest."""
        for _turn in range(3):  # the loop may not have run meanwhile: let it notice what came
            await asyncio.sleep(0)
        if self.is_worn or self.is_gone or self._replies or self._reader._buffer:  # type: ignore[attr-defined]
            return False
        if time.monotonic() - self.rested_at < REST_S:
            return True
        try:
            await self.write(b"NOOP\r\n", Phase.RSET)
            return (await self.reply(Phase.RSET, self.server.timeouts.quit)).code == 250
        except Lost:
            return False

    async def has_replies(self, count: int) -> bool:
        """Whether so many replies have come already; does not wait for any."""
        while len(self._replies) < count and self._reader._buffer and not self._nonsense:  # type: ignore[attr-defined]
            await self._receive(Phase.END, 1)
        return len(self._replies) >= count

    async def reply(self, phase: Phase, timeout_s: float | None = None) -> Reply:
        """The next reply, in order. Raises Lost. A 421 marks the connection as closing."""
        while not self._replies:
            await self._receive(phase, timeout_s or self.server.timeouts.command)
        found = self._replies.popleft()
        if found.code == 421:
            self.is_closing, self.farewell = True, found
        return found

    async def say(self, text: str, phase: Phase, *, longest: int = 512) -> Reply:
        """A command and its reply."""
        try:
            line = command(text, longest=longest)
        except ValueError as error:
            raise Denied(phase, str(error)) from error
        await self.write(line, phase)
        return await self.reply(phase)

    async def close(self) -> None:
        """QUIT if the server still listens, then close."""
        if self._writer and not self.is_closing:
            try:
                await self.write(b"QUIT\r\n", Phase.QUIT)
                await self.reply(Phase.QUIT, self.server.timeouts.quit)
            except Lost:
                self.is_closing = True
        self.abort()

    def abort(self) -> None:
        """Close at once; bytes that wait to be written are thrown away."""
        if self._writer:
            self._writer.transport.abort()
            self._writer = None

    async def _receive(self, phase: Phase, timeout_s: float) -> None:
        if self._nonsense:
            raise Lost(phase, str(self._nonsense))
        data = await self._read(phase, timeout_s)
        try:
            for reply in self._parser.feed(data):
                self._replies.append(reply)
        except MalformedReply as error:
            self._nonsense = error  # the sound replies before it still count

    async def _write(self, data: bytes | memoryview, phase: Phase) -> None:
        assert self._writer
        self._writer.write(data)
        try:
            async with asyncio.timeout(self.server.timeouts.write):
                await self._writer.drain()
        except TimeoutError as error:
            raise Silent(phase, "the server stopped reading") from error

    async def _read(self, phase: Phase, timeout_s: float) -> bytes:
        rest: bytearray = self._reader._buffer  # type: ignore[attr-defined]
        if rest and self._reader.exception():
            # What came before the connection broke still counts; the stream would keep it from us.
            data = bytes(rest)
            rest.clear()
            return data
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError as error:
            # A reply that comes later would answer the next command: this connection is over.
            raise Silent(phase, f"no answer within {timeout_s:.0f} s") from error
        except OSError as error:
            raise Lost(phase, "the connection broke", reply=self.farewell) from error
        if not data:
            text = self.farewell.text if self.farewell else "the server closed the connection"
            raise Lost(phase, text, reply=self.farewell)
        return data

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.server.timeouts.connect):
                host, port = self.server.host, self.server.port
                self._reader, self._writer = await asyncio.open_connection(host, port)
        except TimeoutError as error:
            raise Unreachable(Phase.CONNECT, "no answer") from error
        except (socket.gaierror, UnicodeError) as error:
            raise Unreachable(Phase.RESOLVE, "the host name is unknown") from error
        except OSError as error:
            raise Unreachable(Phase.CONNECT, error.strerror or "refused") from error
        self._wire = self._writer.transport
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server.security is Security.TLS:
            await self._protect()

    async def _greet(self) -> None:
        try:
            banner = await self.reply(Phase.BANNER, self.server.timeouts.banner)
        except Lost as error:
            raise Unreachable(Phase.BANNER, error.text) from error
        if banner.code != 220:
            raise Denied(Phase.BANNER, banner.text, reply=banner)
        await self._introduce()

    async def _introduce(self) -> None:
        """EHLO, and HELO for servers that don't know it (RFC 5321 section 3.2)."""
        try:
            found = await self.say(f"EHLO {self.server.helo}", Phase.EHLO)
            if 500 <= found.code < 600:
                found = await self.say(f"HELO {self.server.helo}", Phase.EHLO)
                self.capabilities = NO_CAPABILITIES
            else:
                self.capabilities = Capabilities.parse(found.text)
        except Lost as error:
            raise Unreachable(Phase.EHLO, error.text) from error
        if found.code != 250:
            raise Denied(Phase.EHLO, found.text, reply=found)

    async def _start_tls(self) -> None:
        if "STARTTLS" not in self.capabilities:
            raise Denied(Phase.STARTTLS, "the server does not offer STARTTLS")
        try:
            found = await self.say("STARTTLS", Phase.STARTTLS)
            if found.code != 220:
                raise Denied(Phase.STARTTLS, found.text, reply=found)
        except Lost as error:
            raise Unreachable(Phase.STARTTLS, error.text) from error
        self._forget_plaintext()
        await self._protect()
        await self._introduce()

    async def _protect(self) -> None:
        """The TLS handshake."""
        assert self._writer
        try:
            async with asyncio.timeout(self.server.timeouts.connect):
                await self._writer.start_tls(self._tls_context(), server_hostname=self.server.host)
        except TimeoutError as error:
            raise Unreachable(Phase.STARTTLS, "the handshake took too long") from error
        except (ssl.SSLError, OSError) as error:
            raise Unreachable(Phase.STARTTLS, _tls_reason(error)) from error

    def _forget_plaintext(self) -> None:
        """Drop what came in the clear behind the 220: somebody else may have put it there (CVE-2011-0411)."""
        self._parser.discard()
        self._replies.clear()
        self._reader._buffer.clear()  # type: ignore[attr-defined]

    async def _sign_in(self) -> None:
        if self.tls is None and not self.server.may_auth_in_clear:
            raise Denied(Phase.AUTH, "a password is not sent without encryption")
        mechanism = auth.choose(self.capabilities.mechanisms, self.server.mechanism)
        if mechanism is None:
            raise Denied(Phase.AUTH, "the server offers no way to sign in that we know")
        try:
            for line in auth.lines(mechanism, self.server.username or "", self.server.password or ""):
                found = await self.say(line, Phase.AUTH, longest=LONGEST_AUTH_LINE)
                if found.code != 334:
                    break
        except Lost as error:
            raise Unreachable(Phase.AUTH, error.text) from error
        if found.code != 235:
            raise Denied(Phase.AUTH, found.text, reply=found)

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.server.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _tls_reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no common protocol'}".replace("_", " ").lower()
    return "the connection broke during the handshake"
