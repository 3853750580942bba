"""One connection to a server: opens, secures and authenticates it; then gives replies in order."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from campaigns.mail import auth, tls
from campaigns.mail.channel import Broken, Channel
from campaigns.mail.dialling import addresses_of, first_of
from campaigns.mail.envelope import Server
from campaigns.mail.errors import Denied, Lost, NoToken, Silent, Unreachable
from campaigns.mail.protocol import NO_CAPABILITIES, Capabilities, Phase, Reply, command, own_name
from campaigns.mail.security import Security

LONGEST_AUTH_LINE = 12288  # RFC 4954 section 4
KEEPALIVE_S = 30
QUIT = b"QUIT\r\n"
REST_S = 5.0  # a connection idle for longer is tested before use


class Connection:
    """Not for concurrent use: one conversation at a time. `begun` counts the messages begun on it."""

    def __init__(self, server: Server, *, context: ssl.SSLContext | None = None) -> None:
        self.server = server
        self.capabilities: Capabilities = NO_CAPABILITIES
        self.begun = 0
        self.opened_after = 0  # number of the server's connections that had ended before
        self.takes_chunks = False  # it has accepted a message by BDAT
        self.is_in_step = True  # its last reply to a final chunk was not an error about an unknown command
        self.room = 1  # number of messages in flight together, judging by its answers
        self.rested_at = time.monotonic()
        self.opened_at = time.monotonic()
        self.is_closing = False
        self.farewell: Reply | None = None  # its 421 reply
        self.has_quit = False  # QUIT was sent, perhaps behind messages whose replies are not read yet
        self._context = context
        self._channel = Channel()
        self._is_open = False
        self._waits_since: float | None = None

    async def open(self) -> None:
        """Connect, EHLO, TLS, AUTH. Raises Unreachable or Denied, and then nothing stays open."""
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
        if self.is_closing or self.begun >= self.server.messages_per_connection:
            return True
        return time.monotonic() - self.opened_at > self.server.max_age_s

    @property
    def is_gone(self) -> bool:
        """Whether it is known to be closed: nothing can be sent; replies may be left to read."""
        return self._channel.is_over

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer, to show its certificate; None without TLS."""
        if not self._is_open:
            return None
        found: ssl.SSLObject | None = self._channel.transport.get_extra_info("ssl_object")
        return found

    @property
    def sock(self) -> socket.socket:
        """The underlying socket."""
        found: socket.socket = self._channel.transport.get_extra_info("socket")
        return found

    async def write(self, data: bytes, phase: Phase) -> None:
        """Write one group of commands, waiting while the server reads slowly. Raises Silent.

        A broken connection is reported by `reply`, after the replies that arrived before it broke.
        """
        try:
            await self._channel.write(data, self.server.timeouts.write)
        except TimeoutError as error:
            raise Silent(phase, "the server stopped reading") from error

    async def write_through(self, data: bytes, phase: Phase) -> None:
        """Like `write`; returns when the system has taken the last byte or the connection broke."""
        try:
            await self._channel.write_through(data, self.server.timeouts.write)
        except TimeoutError as error:
            raise Silent(phase, "the server stopped reading") from error

    async def is_awake(self) -> bool:
        """Whether an idle connection can be used: nothing arrived, and it answers after a long rest."""
        for _turn in range(3):  # the loop may not have run meanwhile: let it notice what arrived
            await asyncio.sleep(0)
        if self.is_worn or self.is_gone or self._channel.replies:
            return False
        if time.monotonic() - self.rested_at < REST_S:
            return True
        try:
            await self.write(b"NOOP\r\n", Phase.RSET)
            return (await self.reply(Phase.RSET, self.server.timeouts.quit)).code == 250
        except Lost:
            return False

    @property
    def has_reply(self) -> bool:
        """Whether a reply has already arrived."""
        return bool(self._channel.replies)

    @property
    def goodbye(self) -> Lost:
        """Its 421 between two messages, as an error."""
        return Lost(Phase.MAIL, self.farewell.text if self.farewell else "", reply=self.farewell)

    @property
    def waits_s(self) -> float:
        """Seconds for which it has been waiting for a reply."""
        if self._waits_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._waits_since

    def give_up(self, reason: str) -> None:
        """Stop waiting: whoever waits for a reply gets Lost with `reason`, a few English words."""
        self._channel.give_up(reason)

    def has_replies(self, count: int) -> bool:
        """Whether `count` replies have already arrived."""
        return len(self._channel.replies) >= count

    def last_if_all_well(self, count: int) -> Reply | None:
        """The last of the next `count` replies, if all have arrived and say 250; else none of them is read."""
        replies = self._channel.replies
        if len(replies) < count or any(replies[number].code != 250 for number in range(count)):
            return None
        for _number in range(count - 1):
            replies.popleft()
        return replies.popleft()

    async def reply(self, phase: Phase, timeout_s: float | None = None) -> Reply:
        """The next reply, in order. Raises Lost. A 421 marks the connection as closing."""
        if not self._channel.replies:
            await self._wait(phase, timeout_s or self.server.timeouts.command)
        found = self._channel.replies.popleft()
        if found.code == 421:
            self.is_closing, self.farewell = True, found
        return found

    async def upcoming(self, phase: Phase, timeout_s: float | None = None) -> Reply:
        """The next reply, without consuming it. Raises Lost."""
        if not self._channel.replies:
            await self._wait(phase, timeout_s or self.server.timeouts.command)
        return self._channel.replies[0]

    def stray(self) -> Reply:
        """A reply that no one waited for. A 421 marks the connection as closing."""
        found = self._channel.replies.popleft()
        if found.code == 421:
            self.is_closing, self.farewell = True, found
        return found

    async def say(self, text: str, phase: Phase, *, longest: int = 512) -> Reply:
        """Send a command; returns its reply."""
        try:
            line = command(text, longest=longest)
        except ValueError as error:
            raise Denied(phase, str(error)) from error
        await self.write(line, phase)
        return await self.reply(phase)

    async def close(self) -> None:
        """Send QUIT if the server still reads, then close."""
        if self._is_open and not self.is_closing:
            try:
                if not self.has_quit:
                    await self.write(QUIT, Phase.QUIT)
                await self.reply(Phase.QUIT, self.server.timeouts.quit)
            except Lost:
                self.is_closing = True
        self.abort()

    def abort(self) -> None:
        """Close at once; unsent bytes are discarded."""
        if self._is_open:
            self._channel.transport.abort()
            self._is_open = False

    async def _wait(self, phase: Phase, timeout_s: float) -> None:
        self._waits_since = asyncio.get_running_loop().time()
        try:
            await self._channel.wait(timeout_s)
        except TimeoutError as error:
            # A late reply would be taken for the next command's: this connection is over.
            raise Silent(phase, f"no answer within {timeout_s:.0f} s") from error
        except Broken as error:
            text = self.farewell.text if self.farewell else str(error)
            raise Lost(phase, text, reply=self.farewell) from error
        finally:
            self._waits_since = None

    async def _connect(self) -> None:
        try:
            self._channel = await first_of(
                await self._addresses(),
                self._dial,
                hang_up=lambda channel: channel.transport.abort(),
                each_s=self.server.timeouts.connect,
            )
        except TimeoutError as error:
            raise Unreachable(Phase.CONNECT, "no answer", is_late=True) from error
        except OSError as error:
            raise Unreachable(Phase.CONNECT, error.strerror or "refused") from error
        self._is_open = True
        if self.server.security is Security.TLS:
            await self._protect()

    async def _addresses(self) -> list[str]:
        try:
            async with asyncio.timeout(self.server.timeouts.connect):
                found = await addresses_of(self.server.host, self.server.port)
        except TimeoutError as error:
            raise Unreachable(Phase.RESOLVE, "no answer to who the host is", is_late=True) from error
        except (OSError, UnicodeError) as error:
            raise Unreachable(Phase.RESOLVE, "the host name is unknown") from error
        allowed = [each for each in found if self.server.internal_hosts.may_reach(self.server.host, each)]
        if not allowed:
            raise Unreachable(Phase.RESOLVE, "its address is internal and not in INTERNAL_HOSTS")
        return allowed

    async def _dial(self, address: str) -> Channel:
        loop = asyncio.get_running_loop()
        transport, channel = await loop.create_connection(Channel, address, self.server.port)
        # Right away: if the server closes now, its socket is gone.
        _tune(transport.get_extra_info("socket"), gone_after_s=self.server.timeouts.write)
        return channel

    async def _greet(self) -> None:
        try:
            banner = await self.reply(Phase.BANNER, self.server.timeouts.banner)
        except Lost as error:
            raise Unreachable(Phase.BANNER, error.text, is_late=isinstance(error, Silent)) from error
        if banner.code != 220:
            raise Denied(Phase.BANNER, banner.text, reply=banner)
        await self._introduce()

    async def _introduce(self) -> None:
        """EHLO, or HELO for servers that do not know it (RFC 5321 section 3.2)."""
        try:
            name = own_name(self.server.helo)
            found = await self.say(f"EHLO {name}", Phase.EHLO)
            if 500 <= found.code < 600:
                found = await self.say(f"HELO {name}", Phase.EHLO)
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
        # Text after the 220 may have been injected (CVE-2011-0411).
        self._channel.forget()
        await self._protect()
        await self._introduce()

    async def _protect(self) -> None:
        """The TLS handshake."""
        context = self._context or tls.context(verify=self.server.verify, authorities=self.server.authorities)
        channel, loop = self._channel, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.server.timeouts.connect):
                protected = await loop.start_tls(
                    channel.transport, channel, context, server_hostname=self.server.host
                )
        except TimeoutError as error:
            raise Unreachable(Phase.STARTTLS, "the handshake took too long", is_late=True) from error
        except (ssl.SSLError, OSError) as error:
            raise Unreachable(Phase.STARTTLS, tls.reason(error)) from error
        if protected is None:
            raise Unreachable(Phase.STARTTLS, "the connection broke during the handshake")
        channel.put_on(protected)

    async def _sign_in(self) -> None:
        if self.tls is None and not self.server.may_auth_in_clear:
            raise Denied(Phase.AUTH, "a password is not sent without encryption")
        token = self.server.token
        mechanism = auth.choose(
            self.capabilities.mechanisms, self.server.mechanism, has_token=token is not None
        )
        if mechanism is None:
            raise Denied(Phase.AUTH, "the server offers no way to sign in that we know")
        secret = await self._fresh(token, None) if token else self.server.password or ""
        found = await self._authenticate(mechanism, secret)
        if found.code == 535 and token:  # it may just have expired
            found = await self._authenticate(mechanism, await self._fresh(token, secret))
        if found.code != 235:
            raise Denied(Phase.AUTH, found.text, reply=found)

    async def _fresh(self, token: Callable[[str | None], str], refused: str | None) -> str:
        try:
            return await asyncio.to_thread(token, refused)
        except NoToken as error:
            # As if the server had refused it: the fault is the account's, not the network's.
            reply = Reply(535, str(error), "5.7.8")
            raise Denied(Phase.AUTH, str(error), reply=reply) from error
        except OSError as error:
            raise Unreachable(Phase.AUTH, "no access token: its server could not be reached") from error

    async def _authenticate(self, mechanism: str, secret: str) -> Reply:
        server = self.server
        lines = auth.lines(mechanism, server.username or "", secret, host=server.host, port=server.port)
        try:
            found = Reply(334, "")
            for line in lines:
                text = line if isinstance(line, str) else line(found.text)
                found = await self.say(text, Phase.AUTH, longest=LONGEST_AUTH_LINE)
                if found.code != 334:
                    break
        except Lost as error:
            raise Unreachable(Phase.AUTH, auth.without(secret, error.text)) from error
        return replace(found, text=auth.without(secret, found.text))


def _tune(sock: socket.socket, *, gone_after_s: float) -> None:
    """Send at once, and detect a host that has disappeared: an answer may take ten minutes, but the other
    system acknowledges within seconds what we sent.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_S),
        ("TCP_USER_TIMEOUT", round(gone_after_s * 1000)),
    ):
        if hasattr(socket, option):  # Linux has them all
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
