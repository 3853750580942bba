"""A scripted SMTP server on loopback: records every byte, and misbehaves on request.

    with SmtpServer() as server: …                       # accepts everything
    SmtpServer(replies={"RCPT": lambda call: "550 5.1.1 no such user" if "bad" in call.argument else None})
    SmtpServer(drop_at={"END": 3})                       # closes after the third message, without a reply
    SmtpServer(keywords=("PIPELINING",), tls="starttls", users={"u": "p"})

`messages` holds what was accepted: (mail_from, rcpt_to, bytes as they came, dots undoubled).
`commands` holds every command line of every connection in order.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import re
import socket
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.certificates import make_certificate

KEYWORDS = ("PIPELINING", "CHUNKING", "8BITMIME", "SIZE 52428800", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
CHALLENGE = "<1896.697170952@postoffice.reston.mci.net>"  # of RFC 2195


LINGERS_S = 1.0


class Drop(Exception):
    """Close the connection now."""


@dataclass
class Call:
    """A moment at which the script may answer: the verb (or BANNER, BODY, END), its argument and count."""

    verb: str
    argument: str
    count: int  # of this verb on the whole server, from 1
    connection: int  # number of the connection, from 1
    mail_from: str = ""
    rcpt_to: str = ""


Script = Callable[[Call], str | None]


class SmtpServer:
    def __init__(
        self,
        *,
        keywords: tuple[str, ...] = KEYWORDS,
        replies: dict[str, Script | str] | None = None,
        drop_at: dict[str, int | Callable[[Call], bool]] | None = None,
        delay_s: float = 0.0,
        slow: Callable[[Call], float] | None = None,  # seconds before that reply
        holds: Callable[[Call], bool] | None = None,  # no reply while this is true
        stall_at: str | None = None,
        tls: str | None = None,
        users: dict[str, str] | None = None,
        mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
        inject_after_starttls: bytes = b"",
        certificate_for: str = "localhost",
        certificate_days: int = 30,
        is_eager: bool = False,  # replies 354 even if every recipient was refused
        behind_a_dot: str | None = None,  # what it does with data after a final dot: "refuse" or "swallow" it
        knows_bdat: bool = True,  # otherwise the text is read as commands, even if BDAT was offered
        piece: int = 0,  # bytes of a reply that are written at once
        port: int = 0,
    ) -> None:
        self.keywords = keywords
        self.replies = replies or {}
        self.drop_at = drop_at or {}
        self.delay_s = delay_s
        self.slow = slow
        self.holds = holds
        self.stall_at = stall_at
        self.tls = tls
        self.users = users
        self.mechanisms = mechanisms
        self.inject_after_starttls = inject_after_starttls
        self.certificate_for = certificate_for
        self.certificate_days = certificate_days
        self.is_eager = is_eager
        self.behind_a_dot = behind_a_dot
        self.knows_bdat = knows_bdat
        self.piece = piece
        self.host = "127.0.0.1"
        self.port = port
        self.messages: list[tuple[str, str, bytes]] = []
        self.raw: list[bytes] = []  # every byte that clients sent, per read
        self.commands: list[str] = []
        self.challenge: str | None = None  # sent in place of the usual one
        self.sasl: list[str] = []  # the client's answers to 334
        self.thrown_away = 0  # lines that followed a final dot
        self.too_early: list[str] = []  # commands that end a group, with more data behind them
        self.behind_ends: list[bytes] = []  # what had arrived behind the end of each message
        self.body_bytes = 0  # bytes of messages read so far, including one in progress
        self.connections = 0
        self.open_connections = 0
        self.most_connections = 0
        self.counts: Counter[str] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self.session: type[Session] = Session

    def __enter__(self) -> SmtpServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the scripted server did not start"

    def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def hang_up(self, farewell: bytes = b"") -> None:
        """Close every open connection, as servers do with idle ones, and go on listening."""

        async def close() -> None:
            for writer in list(self._writers):
                writer.write(farewell)
                writer.close()
            while self.open_connections:
                await asyncio.sleep(0.002)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(5)

    @property
    def addresses(self) -> list[str]:
        """Recipients of the accepted messages, in order."""
        return [rcpt for _from, rcpt, _raw in self.messages]

    def said(self, verb: str) -> list[str]:
        """The command lines with that verb."""
        return [line for line in self.commands if line.upper().startswith(verb)]

    # -- the server

    def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # connections are dropped on purpose
        self._loop.run_until_complete(self._run(ready))
        self._loop.close()

    async def _run(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        context = self._context() if self.tls else None
        implicit = context if self.tls == "implicit" else None
        listening = _listening(self.host, self.port)
        server = await asyncio.start_server(self._client, sock=listening, ssl=implicit, limit=1 << 26)
        self._tls_context = context
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        self.most_connections = max(self.most_connections, self.open_connections)
        self._writers.add(writer)
        try:
            await self.session(self, reader, writer, self.connections).run()
        except (Drop, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self.open_connections -= 1
            self._writers.discard(writer)
            writer.close()

    def _context(self) -> ssl.SSLContext:
        certificate, key = make_certificate(self.certificate_for, days=self.certificate_days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "both.pem"
            path.write_bytes(key + certificate)
            context.load_cert_chain(path)
        self.certificate = certificate
        return context


class Session:
    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.server, self.reader, self.writer, self.number = server, reader, writer, number
        self.mail_from: str | None = None
        self.rcpt_to: list[str] = []
        self.is_secure = server.tls == "implicit"
        self.is_signed_in = False
        self.chunks = b""

    async def run(self) -> None:
        await self._answer("BANNER", "", "220 scripted ESMTP")
        while line := await self._line():
            verb, _, argument = line.partition(" ")
            self.server.commands.append(line)
            method = getattr(self, f"_{verb.lower()}", None)
            if verb.upper() not in VERBS or method is None:
                await self._say("502 5.5.2 what?")
            elif await method(argument) is False:
                return

    # -- replies

    async def _answer(self, verb: str, argument: str, default: str) -> str:
        """Send the script's reply, else the default; drop or stall if it says so."""
        server = self.server
        server.counts[verb] += 1
        sender, rcpt = self.mail_from or "", self.rcpt_to[-1] if self.rcpt_to else ""
        call = Call(verb, argument, server.counts[verb], self.number, sender, rcpt)
        if verb in ENDS_A_GROUP:
            await asyncio.sleep(server.delay_s)
            if self.reader._buffer:  # type: ignore[attr-defined]
                server.too_early.append(verb)
        if verb == "END":
            server.behind_ends.append(bytes(self.reader._buffer))  # type: ignore[attr-defined]
        if server.stall_at == verb:
            await asyncio.sleep(3600)
        while server.holds is not None and server.holds(call):
            await asyncio.sleep(0.01)
        if server.slow is not None:
            await asyncio.sleep(server.slow(call))
        drop = server.drop_at.get(verb)
        if drop is not None and (drop(call) if callable(drop) else call.count == drop):
            raise Drop
        script = server.replies.get(verb)
        reply = (script(call) if callable(script) else script) or default
        if verb == "END" and reply[0] == "2":
            self._accept()
        await self._say(reply)
        if reply.startswith("421"):
            await self._linger()
            raise Drop
        return reply

    async def _linger(self) -> None:
        """Let the last reply arrive: closing with unread data would discard it."""
        if not self.writer.can_write_eof():  # under TLS
            return
        self.writer.write_eof()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(), LINGERS_S)

    async def _say(self, reply: str) -> None:
        if self.server.delay_s:
            await self.writer.drain()
            await asyncio.sleep(self.server.delay_s)
        raw = reply.replace("\n", "\r\n").encode() + b"\r\n"
        for start in range(0, len(raw), self.server.piece or len(raw)):
            self.writer.write(raw[start : start + (self.server.piece or len(raw))])
            if self.server.piece:
                await asyncio.sleep(0)
        if not self.reader._buffer:  # type: ignore[attr-defined]  # a pipelining server answers in one write
            await self.writer.drain()

    async def _line(self) -> str:
        raw = await self.reader.readuntil(b"\n")
        self.server.raw.append(raw)
        return raw.decode("utf-8", "surrogateescape").rstrip("\r\n")

    # -- verbs

    async def _ehlo(self, argument: str) -> None:
        self.mail_from, self.rcpt_to = None, []
        keywords = list(self.server.keywords)
        if self.server.tls == "starttls" and not self.is_secure:
            keywords.append("STARTTLS")
        if self.server.users is not None:
            keywords.append("AUTH " + " ".join(self.server.mechanisms))
        lines = ["scripted", *keywords]
        text = "\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}" for line in lines)
        await self._answer("EHLO", argument, text)

    async def _helo(self, argument: str) -> None:
        await self._answer("HELO", argument, "250 scripted")

    async def _starttls(self, argument: str) -> None:
        reply = await self._answer("STARTTLS", argument, "220 go ahead")
        if reply.startswith("220"):
            if self.server.inject_after_starttls:
                self.writer.write(self.server.inject_after_starttls)
                await self.writer.drain()
            if self.server.stall_at == "HANDSHAKE":
                await asyncio.sleep(3600)
            await self.writer.start_tls(self.server._tls_context)
            self.is_secure = True

    async def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        users = self.server.users or {}
        if mechanism == "PLAIN":
            _authzid, user, password = _decoded(initial).split("\0")
        elif mechanism == "LOGIN":
            user = _decoded(await self._ask("Username:"))
            password = _decoded(await self._ask("Password:"))
        elif mechanism == "CRAM-MD5":
            answer = await self._ask(CHALLENGE)
            if answer == "*":
                await self._answer("AUTH", "", "501 5.7.0 given up")
                return
            user, _, digest = _decoded(answer).rpartition(" ")
            right = hmac.new(users.get(user, "").encode(), CHALLENGE.encode(), "md5").hexdigest()
            password = users.get(user, "") if digest == right else "wrong"
        else:
            found = re.search("(?:user|n,a)=(.*?),?\x01.*auth=Bearer (.*?)\x01", _decoded(initial))
            user, password = (found[1], found[2]) if found else ("", "")
            if users.get(user) != password:
                await self._ask('{"status":"401"}')
        self.is_signed_in = users.get(user) == password
        good, bad = "235 2.7.0 welcome", "535 5.7.8 bad credentials"
        await self._answer("AUTH", user, good if self.is_signed_in else bad)

    async def _ask(self, challenge: str) -> str:
        await self._say(self.server.challenge or "334 " + base64.b64encode(challenge.encode()).decode())
        self.server.sasl.append(await self._line())
        return self.server.sasl[-1]

    async def _mail(self, argument: str) -> None:
        if self.mail_from is not None:
            await self._say("503 5.5.1 nested MAIL")
            return
        if self.server.users is not None and not self.is_signed_in:
            await self._say("530 5.7.0 sign in first")
            return
        reply = await self._answer("MAIL", argument, "250 2.1.0 ok")
        if reply[0] == "2":
            self.mail_from = _path(argument)

    async def _rcpt(self, argument: str) -> None:
        if self.mail_from is None:
            await self._say("503 5.5.1 MAIL first")
            return
        reply = await self._answer("RCPT", argument, "250 2.1.5 ok")
        if reply[0] == "2":
            self.rcpt_to.append(_path(argument))

    async def _data(self, argument: str) -> None:
        if not self.rcpt_to and self.server.is_eager:
            await self._say("354 go on all the same")
            await self._until_dot()
            await self._say("554 5.5.1 no valid recipients")
            return
        if not self.rcpt_to:
            await self._say("554 5.5.1 no valid recipients")
            return
        reply = await self._answer("DATA", argument, "354 go on")
        if not reply.startswith("354"):
            return
        if self.server.stall_at == "BODY":
            self.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(3600)
        await self._body_drop()
        raw = await self._until_dot()
        self.chunks = re.sub(rb"(?m)^\.", b"", raw)
        behind = self._what_is_behind()
        await self._answer("END", "", "250 2.0.0 queued")
        self.mail_from, self.rcpt_to = None, []
        if self.server.behind_a_dot == "refuse":
            for _line in range(behind):
                await self._say("503 Bad sequence of commands - pipelined after end of DATA")

    def _what_is_behind(self) -> int:
        """Discard what arrived together with the final dot; returns the number of lines."""
        if self.server.behind_a_dot is None:
            return 0
        buffer = self.reader._buffer  # type: ignore[attr-defined]
        lines = buffer.count(b"\n")
        self.server.thrown_away += lines
        buffer.clear()
        self.reader._maybe_resume_transport()  # type: ignore[attr-defined]
        return lines

    async def _body_drop(self) -> None:
        drop = self.server.drop_at.get("BODY")
        if drop is None:
            return
        self.server.counts["BODY"] += 1
        call = Call(
            "BODY", "", self.server.counts["BODY"], self.number, self.mail_from or "", self.rcpt_to[-1]
        )
        if drop(call) if callable(drop) else call.count == drop:
            # Stop reading: a fast client must not have sent a large message meanwhile.
            self.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)
            raise Drop

    async def _until_dot(self) -> bytes:
        lines = []
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            self.server.raw.append(line)
            self.server.body_bytes += len(line)
            lines.append(line)
        return b"".join(lines)

    async def _bdat(self, argument: str) -> None:
        if not self.server.knows_bdat:
            await self._say("502 5.5.1 what?")
            return
        size, _, last = argument.partition(" ")
        data = await self.reader.readexactly(int(size))
        self.server.raw.append(data)
        self.server.body_bytes += len(data)
        if not self.rcpt_to:
            await self._say("554 5.5.1 no valid recipients")
            return
        self.chunks += data
        if last.upper() != "LAST":
            await self._answer("CHUNK", "", "250 2.0.0 more")
            return
        await self._answer("END", "", "250 2.0.0 queued")
        self.mail_from, self.rcpt_to, self.chunks = None, [], b""

    async def _rset(self, argument: str) -> None:
        self.mail_from, self.rcpt_to, self.chunks = None, [], b""
        await self._answer("RSET", argument, "250 2.0.0 ok")

    async def _noop(self, argument: str) -> None:
        await self._answer("NOOP", argument, "250 2.0.0 ok")

    async def _quit(self, argument: str) -> bool:
        await self._answer("QUIT", argument, "221 2.0.0 bye")
        await self.writer.drain()
        return False

    def _accept(self) -> None:
        self.server.messages += [(self.mail_from or "", rcpt, self.chunks) for rcpt in self.rcpt_to]
        self.chunks = b""


ENDS_A_GROUP = {"EHLO", "HELO", "STARTTLS", "AUTH", "NOOP", "DATA", "QUIT"}  # RFC 2920 section 3.1
VERBS = {"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"}


def _listening(host: str, port: int) -> socket.socket:
    # With the protocol named, because only then the loop disables Nagle's algorithm on its connections.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The system's buffer for a slow reader must not depend on the machine.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    found.bind((host, port))
    return found


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def _path(argument: str) -> str:
    found = re.search(r"<(.*?)>", argument)
    return found[1] if found else ""
