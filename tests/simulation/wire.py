"""The other end of the wire: a mail server without sockets, which misbehaves as its course says."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Act:
    """What it does at a moment instead of the usual. `text`: its reply. `drops`: closes the connection,
    before its reply or after it. `waits_s`: replies that many seconds later.
    """

    text: bytes | None = None
    drops: str = ""  # "before", "after"
    waits_s: float = 0.0


USUAL = Act()


@dataclass
class Book:
    """The server's record: who got a message how often, and what it did that leaves a client in doubt."""

    accepted: Counter[str] = field(default_factory=Counter)
    # (time, recipient) of RCPT, minus the server's own delays before it in that transaction, but not before
    # the connection.
    begun: list[tuple[float, str]] = field(default_factory=list)
    # (time, recipient) of the end of a message.
    ended: list[tuple[float, str]] = field(default_factory=list)
    doubts: Counter[str] = field(default_factory=Counter)  # accepted, or its end received, and no reply sent
    unknown: Counter[str] = field(default_factory=Counter)  # recipients that were reported as unknown
    tell: Callable[[str, str], None] = lambda _kind, _who: None

    def note(self, kind: str, who: str, at: float) -> None:
        """Record one fact, and pass it to the process that outlives this one."""
        self.take(kind, who, at)
        self.tell(kind, f"{at:.6f} {who}")

    def take(self, kind: str, who: str, at: float) -> None:
        if kind == "accepted":
            self.accepted[who] += 1
        elif kind == "begun":
            self.begun.append((at, who))
        elif kind == "ended":
            self.ended.append((at, who))
        elif kind == "unknown":
            self.unknown[who] += 1
        else:
            self.doubts[who] += 1


UNKNOWN = b"550 5.1.1"  # the only reply that reports an address as unknown
_LAST = re.compile(rb"BDAT \d+ LAST\r\n")
_DOT = b"\r\n.\r\n"
_RCPT = re.compile(rb"RCPT TO:<([^>]*)>")


class Socket:
    """A socket with options and no data."""

    def setsockopt(self, *_: Any) -> None:
        pass

    def fileno(self) -> int:
        return -1


class Transport(asyncio.Transport):
    """The client's side of a connection; bytes take `latency_s` each way and stay in order."""

    def __init__(self, loop: Any, protocol: Any, latency_s: float) -> None:
        super().__init__()
        self._loop, self._protocol, self._latency_s = loop, protocol, latency_s
        self._closing = False
        self._last = {"up": 0.0, "down": 0.0}
        self.session: Session

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return Socket() if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if self._closing:
            return
        found = bytes(data)
        people = [each.decode() for each in _RCPT.findall(found)]
        if _LAST.search(found):
            self.session.hand_over(people)
            self.session.end(people)
        else:
            if _DOT in found:
                self.session.end()
            self.session.hand_over(people)
        self._send("up", self.session.feed, found)

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self.session.is_gone = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    # -- for the session

    def say(self, data: bytes, *, after_s: float = 0.0) -> None:
        self._send("down", self._hear, data, after_s=after_s)

    @property
    def told_at(self) -> float:
        """When the last reply will have arrived."""
        return self._last["down"]

    def hang_up(self, *, after_s: float = 0.0) -> None:
        self._send("down", self._lose, after_s=after_s)

    def _hear(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def _lose(self) -> None:
        if not self._closing:
            self._closing = True
            self._protocol.eof_received()
            self._protocol.connection_lost(None)

    def _send(self, way: str, to: Callable[..., None], *arguments: Any, after_s: float = 0.0) -> None:
        when = max(self._last[way] + 1e-7, self._loop.time() + self._latency_s + after_s)
        self._last[way] = when
        self._loop.call_at(when, to, *arguments)


class Session:
    """One connection, seen by the server."""

    def __init__(
        self,
        transport: Transport,
        *,
        keywords: tuple[bytes, ...],
        act: Callable[[str, str], Act],
        book: Book,
        clock: Callable[[], float],
        patience_s: float,
    ) -> None:
        self._transport = transport
        self._patience_s = patience_s  # the client's, at least
        self._keywords = keywords
        self._act = act
        self._book = book
        self._clock = clock
        self._opened = clock()
        self._buffer = b""
        self._body: bytes | None = None  # of DATA, as far as it has arrived
        self._chunk: tuple[int, bool] | None = None
        self._rcpt = ""
        self._has_mail = False
        self._slow_s = 0.0  # total delay of the replies in this transaction
        self.is_gone = False
        self._is_unheard = False  # the client does not listen any more, or not for long
        self._begun: list[str] = []  # recipients of the latest envelopes
        self.under_way: list[str] = []  # recipients of whole messages that were sent and not answered yet
        self._told: list[tuple[float, str]] = []  # when replies to such messages arrive
        self._answer("BANNER", b"220 simulated")

    def hand_over(self, people: list[str]) -> None:
        """The client has sent the envelopes of these people."""
        for who in people:
            self._book.tell("handed", f"{self._clock():.6f} {who}")
        self._begun = people or self._begun

    def end(self, people: list[str] | None = None) -> None:
        """The client has sent the ends of their messages: in doubt if the connection breaks now."""
        ended = people or self._begun
        for who in ended:
            self._book.note("ended", who, self._clock())
        self.under_way += ended
        if self.is_gone or self._is_unheard:
            self._doubt()

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.is_gone:
            return
        self._buffer += data
        while not self.is_gone and self._step():
            pass

    def _step(self) -> bool:
        if self._chunk is not None:
            return self._chunked()
        if self._body is not None:
            return self._until_dot()
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        self._buffer = rest
        self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb in (b"EHLO", b"HELO"):
            lines = [b"simulated", *self._keywords]
            text = b"\r\n".join(b"250%c%s" % (b" -"[each is not lines[-1]], each) for each in lines)
            self._answer("EHLO", text)
        elif verb == b"MAIL":
            self._has_mail = self._answer("MAIL", b"250 2.1.0 ok")
            self._rcpt = ""
        elif verb == b"RCPT":
            who = line[line.index(b"<") + 1 : line.index(b">")].decode()
            self._book.note("begun", who, max(self._opened, self._clock() - self._slow_s))
            if not self._has_mail:
                self._answer("RCPT", b"503 5.5.1 no sender", who=who)
            elif self._answer("RCPT", b"250 2.1.5 ok", who=who):
                self._rcpt = who
        elif verb == b"DATA":
            if not self._rcpt:
                self._answer("DATA", b"503 5.5.1 no recipient")
            elif self._answer("DATA", b"354 go"):
                self._body = b""
        elif verb == b"BDAT":
            _verb, size, *last = line.split()
            self._chunk = (int(size), bool(last))
        elif verb == b"RSET":
            self._slow_s = 0.0
            self._has_mail, self._rcpt = False, ""
            self._answer("RSET", b"250 2.0.0 ok")
        elif verb == b"QUIT":
            self._transport.say(b"221 bye\r\n")
            self._leave()
        else:
            self._answer("NOOP", b"250 2.0.0 ok")

    def _until_dot(self) -> bool:
        before, dot, rest = self._buffer.partition(b".\r\n" if not self._body else b"\r\n.\r\n")
        if not dot or (not self._body and before):
            before, dot, rest = self._buffer.partition(b"\r\n.\r\n")
        if not dot:
            return False
        self._body, self._buffer = None, rest
        self._finish()
        return True

    def _chunked(self) -> bool:
        assert self._chunk is not None
        size, is_last = self._chunk
        if len(self._buffer) < size:
            return False
        self._chunk, self._buffer = None, self._buffer[size:]
        if not self._rcpt:
            self._answer("END", b"503 5.5.1 no transaction")
        elif not is_last:
            self._transport.say(b"250 2.0.0 more\r\n")
        else:
            self._finish()
        return True

    def _finish(self) -> None:
        """The end of a message: accepted unless refused."""
        who, self._rcpt, self._has_mail = self._rcpt, "", False
        act = self._act("END", who)
        self._slow_s = 0.0
        if who in self.under_way:
            self.under_way.remove(who)
        is_taken = act.text is None or act.text[:1] == b"2"
        if act.drops == "before":
            # Accepted or not, no reply was sent.
            self._book.note("doubt", who, self._clock())
            if self._act("KEPT", who).drops:
                self._book.note("accepted", who, self._clock())
            self._drop(act)
            return
        if is_taken:
            self._book.note("accepted", who, self._clock())
        is_answer = act.text is None or act.text[:3].isdigit()
        if act.waits_s > self._patience_s or act.drops or self._is_unheard or not is_answer:
            self._book.note(
                "doubt", who, self._clock()
            )  # the client may give up before the reply, or not get it
        self._say(act, b"250 2.0.0 kept", who)
        self._told.append((self._transport.told_at, who))

    def _answer(self, verb: str, usual: bytes, *, who: str = "") -> bool:
        """Send the usual reply or the course's; whether it was the usual."""
        act = self._act(verb, who or self._rcpt)
        if act.drops == "before":
            self._drop(act)
            return False
        self._say(act, usual, who or self._rcpt)
        self._slow_s += act.waits_s
        is_yes = act.text is None or (act.text[:1] == b"2" and verb != "DATA")
        return is_yes and not self.is_gone

    def stand_still(self) -> None:
        """The client is frozen for a while, and others may take over what is under way: it is in doubt."""
        if self.is_gone:
            return
        untold = [who for at, who in self._told if at >= self._clock()]
        for who in {*self.under_way, *untold}:
            self._book.note("doubt", who, self._clock())

    def _say(self, act: Act, usual: bytes, who: str) -> None:
        text = usual if act.text is None else act.text
        if who and text.startswith(UNKNOWN):
            self._book.note("unknown", who, self._clock())
        if act.waits_s > self._patience_s or not text[:3].isdigit():
            self._doubt()
        self._transport.say(text + b"\r\n", after_s=act.waits_s)
        if act.drops == "after" or text[:3] == b"421":
            self._drop(act)

    def _doubt(self) -> None:
        self._is_unheard = True
        for who in self.under_way:
            self._book.note("doubt", who, self._clock())

    def _drop(self, act: Act) -> None:
        self._doubt()
        self._transport.hang_up(after_s=act.waits_s)
        self._leave()

    def _leave(self) -> None:
        self.is_gone = True
