"""The receiving end of a fault run: a scripted SMTP server that records who got what, and when."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.smtp_server import Call, Drop, Session, SmtpServer

PLAIN = ("PIPELINING", "8BITMIME", "SIZE 52428800", "ENHANCEDSTATUSCODES")
CHUNKED = (*PLAIN, "CHUNKING")
LOOK_S = 0.02
_MESSAGE_ID = re.compile(rb"(?mi)^Message-ID:\s*(\S+)")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One copy that the sink accepted. Times of MAIL and of the final dot, in seconds since 1970."""

    address: str
    message_id: str
    begun_at: float
    taken_at: float


@dataclass
class Notebook:
    """What the sink recorded, for the checks."""

    receipts: list[Receipt] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # addresses whose message got a 5xx
    injected: list[float] = field(default_factory=list)  # when the sink itself misbehaved

    @property
    def accepted(self) -> int:
        return len(self.receipts)

    def next_after(self, moment: float) -> float | None:
        """When the first message after `moment` was accepted."""
        return min((each.taken_at for each in self.receipts if each.taken_at > moment), default=None)


# A script's answer: a reply, None for the usual one; or it raises Drop, Cut or HangUp.
Script = Callable[[Call], str | None]


class Cut(Exception):
    """Accept the message if this is its end, write part of the reply and close the connection."""

    def __init__(self, said: bytes = b"") -> None:
        self.said = said


class Sink(SmtpServer):
    """Accepts a message in `slow_s` seconds; `scripts` by verb may misbehave and then call `note()`."""

    def __init__(self, *, slow_s: float = 0.01, keywords: tuple[str, ...] = PLAIN, **options: Any) -> None:
        super().__init__(keywords=keywords, **options)
        self.session = SinkSession
        self.slow_s = slow_s
        self.slow_for: dict[str, float] = {}  # by domain; a change also affects those already waiting
        self.slow_ones = 0  # connections that wait for one of these now, and the most there were
        self.most_slow_ones = 0
        self.scripts: dict[str, Script] = {}
        self.book = Notebook()

    def note(self) -> None:
        """Count one injected fault."""
        self.book.injected.append(time.time())


class SinkSession(Session):
    server: Sink
    begun_at = 0.0

    async def _answer(self, verb: str, argument: str, default: str) -> str:
        sink = self.server
        if verb == "MAIL":
            self.begun_at = time.time()
        if verb == "END":
            await self._take_time()
        sink.counts[verb] += 1
        address = self.rcpt_to[-1] if self.rcpt_to else ""
        call = Call(verb, argument, sink.counts[verb], self.number, self.mail_from or "", address)
        script = sink.scripts.get(verb)
        try:
            reply = (script(call) if script else None) or default
        except Cut as cut:
            if verb == "END":
                self._accept()
            self.writer.write(cut.said)
            await self.writer.drain()
            raise Drop from None
        if verb == "END" and reply[0] == "2":
            self._accept()
        if reply[0] == "5" and verb in ("RCPT", "END"):
            sink.book.refused.add(_in_brackets(argument) if verb == "RCPT" else address)
        await self._say(reply)
        if reply.startswith("421"):
            raise Drop
        return reply

    async def _take_time(self) -> None:
        sink, domain = self.server, self.rcpt_to[-1].rpartition("@")[2] if self.rcpt_to else ""
        if domain not in sink.slow_for:
            await asyncio.sleep(sink.slow_s)
            return
        began = time.monotonic()
        sink.slow_ones += 1
        sink.most_slow_ones = max(sink.most_slow_ones, sink.slow_ones)
        while time.monotonic() - began < sink.slow_for[domain]:
            await asyncio.sleep(LOOK_S)
        sink.slow_ones -= 1

    async def _body_drop(self) -> None:
        script = self.server.scripts.get("BODY")
        if script is None:
            return
        self.server.counts["BODY"] += 1
        address = self.rcpt_to[-1]
        call = Call("BODY", "", self.server.counts["BODY"], self.number, self.mail_from or "", address)
        try:
            script(call)
        except Drop:
            await self.reader.read(100)
            raise

    def _accept(self) -> None:
        found = _MESSAGE_ID.search(self.chunks)
        name = found[1].decode() if found else ""
        now = time.time()
        self.server.book.receipts += [Receipt(each, name, self.begun_at, now) for each in self.rcpt_to]
        self.chunks = b""


def _in_brackets(argument: str) -> str:
    found = re.search(r"<(.*?)>", argument)
    return found[1] if found else ""
