"""How messages go over one connection: in lockstep, pipelined (RFC 2920), or in chunks (RFC 3030).

Whatever the way, a message's fate is reported as its last reply is read and before any further
bytes go out on that connection: whoever keeps a journal knows it before it can be overtaken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Envelope, Outcome, Result
from campaigns.mail.errors import Lost, Unsendable
from campaigns.mail.protocol import Phase, Reply, command, path, stuffed

Next = Callable[[], Envelope | None]
Report = Callable[[Result], None]


class Deadline(Exception):
    """The lease ends: no message may be ended any more."""


@dataclass(slots=True)
class Courier:
    """Carries envelopes over one connection until `take` gives no more or the connection is worn.

    `report` gets a Result for each; `again` gets the envelopes that were lost on the way before their
    end was handed over: known not to be accepted, good for another connection.
    """

    connection: Connection
    take: Next
    report: Report
    again: Callable[[Envelope, Lost], None]
    may_finish: Callable[[], bool]

    async def run(self) -> None:
        """Raises Lost when the connection broke (everything is reported by then)."""
        server, offered = self.connection.server, self.connection.capabilities
        pipelines = server.pipelining and "PIPELINING" in offered
        if pipelines and server.chunking and "CHUNKING" in offered:
            await self._chunked(server.depth)
        elif pipelines:
            await self._pipelined()
        else:
            await self._lockstep()

    def _next(self) -> tuple[Envelope, bytes, bytes] | None:
        """The next envelope that can go to this server, with its MAIL and RCPT lines."""
        while not self.connection.is_worn and (envelope := self.take()):
            try:
                return envelope, *_lines(envelope, self.connection)
            except Unsendable as error:
                reply = Reply(550, error.text, error.enhanced)
                self.report(Result(envelope.key, Outcome.UNSENDABLE, Phase.MAIL, reply, error.text))
        return None

    def _ask(self, envelope: Envelope) -> None:
        if not self.may_finish():
            self.connection.abort()
            self.report(
                Result(envelope.key, Outcome.NOT_SENT, Phase.BODY, None, "the lease was about to end")
            )
            raise Deadline

    def _finish(self, envelope: Envelope, reply: Reply, phase: Phase) -> None:
        outcome = Outcome.ACCEPTED if 200 <= reply.code < 300 and phase is Phase.END else Outcome.REFUSED
        self.report(Result(envelope.key, outcome, phase, reply, reply.text))

    # -- one command, one reply

    async def _lockstep(self) -> None:
        must_reset = False
        while found := self._next():
            envelope, mail, rcpt = found
            try:
                if must_reset:
                    await self._step(b"RSET\r\n", Phase.RSET)
                must_reset = not await self._one(envelope, mail, rcpt)
            except Lost as error:
                self._lost(envelope, error)
                raise
        if must_reset:
            await self._clear()

    async def _clear(self) -> None:
        """Leave no half transaction behind for whoever uses the connection next."""
        if not self.connection.is_closing:
            await self._step(b"RSET\r\n", Phase.RSET)

    async def _one(self, envelope: Envelope, mail: bytes, rcpt: bytes) -> bool:
        """Whether the transaction ended by itself (so that no RSET is needed)."""
        for line, phase in ((mail, Phase.MAIL), (rcpt, Phase.RCPT), (b"DATA\r\n", Phase.DATA)):
            reply = await self._step(line, phase)
            if reply.code >= 400 or (phase is Phase.DATA and reply.code != 354):
                self._finish(envelope, reply, phase)
                return phase is Phase.MAIL
        self._ask(envelope)
        await self.connection.write(stuffed(envelope.message), Phase.END)
        self.connection.sent += 1
        reply = await self.connection.reply(Phase.END, self.connection.server.timeouts.end)
        self._finish(envelope, reply, Phase.END)
        return True

    async def _step(self, line: bytes, phase: Phase) -> Reply:
        await self.connection.write(line, phase)
        return await self.connection.reply(phase)

    def _lost(self, envelope: Envelope, error: Lost) -> None:
        if error.phase is Phase.END:
            self.report(Result(envelope.key, Outcome.IN_DOUBT, Phase.END, error.reply, error.text))
        else:
            self.again(envelope, error)

    # -- the message together with the next message's envelope

    async def _pipelined(self) -> None:
        found = self._next()
        ending: Envelope | None = None  # its body goes out with the next envelope
        prefix = b""
        while found or ending:
            waiting = ending
            try:
                await self._group(ending, found, prefix)
                ended, ending = ending, None
                if ended:
                    reply = await self.connection.reply(Phase.END, self.connection.server.timeouts.end)
                    waiting = None
                    self._finish(ended, reply, Phase.END)
                if found:
                    is_open, prefix = await self._opened(found[0], had_reset=bool(prefix))
                    ending = found[0] if is_open else None
            except Lost as error:
                if waiting:
                    self._lost(waiting, Lost(Phase.END, error.text, reply=error.reply))
                if found:
                    self.again(found[0], error)
                raise
            found = self._next()
        if prefix:
            await self._clear()

    async def _group(
        self, ending: Envelope | None, found: tuple[Envelope, bytes, bytes] | None, prefix: bytes
    ) -> None:
        group = [prefix]
        if ending:
            if not self.may_finish():
                if found:
                    self.again(found[0], Lost(Phase.MAIL, "the lease was about to end"))
                self._ask(ending)
            group = [stuffed(ending.message)]
            self.connection.sent += 1
        if found:
            group += [found[1], found[2], b"DATA\r\n"]
        await self.connection.write(b"".join(group), Phase.END if ending else Phase.MAIL)

    async def _opened(self, envelope: Envelope, *, had_reset: bool) -> tuple[bool, bytes]:
        """Read the replies to [RSET] MAIL RCPT DATA: may the body go, and what to say before the next."""
        if had_reset:
            await self.connection.reply(Phase.RSET)
        mail = await self.connection.reply(Phase.MAIL)
        rcpt = await self.connection.reply(Phase.RCPT)
        data = await self.connection.reply(Phase.DATA)
        refused = next(
            (
                (reply, phase)
                for reply, phase in ((mail, Phase.MAIL), (rcpt, Phase.RCPT))
                if reply.code >= 400
            ),
            None,
        )
        if data.code == 354 and not refused:
            return True, b""
        if data.code == 354:
            # Every recipient was refused and the server wants the mail all the same (RFC 2920 section 3.1).
            await self.connection.write(b".\r\n", Phase.RCPT)
            await self.connection.reply(Phase.RCPT)
        self._finish(envelope, *(refused or (data, Phase.DATA)))
        return False, b"RSET\r\n"

    # -- several whole messages in flight

    async def _chunked(self, depth: int) -> None:
        flight: deque[Envelope] = deque()
        found = self._next()
        try:
            while found or flight:
                while found and len(flight) < depth:
                    departing, found = found, None
                    self._ask_in_flight(departing[0], flight)
                    flight.append(departing[0])
                    self.connection.sent += 1
                    await self._chunk(*departing)
                    found = self._next()
                await self._landed(flight)
        except Lost as error:
            self._lost_in_flight(flight, error)
            if found:
                self.again(found[0], error)
            raise

    async def _chunk(self, envelope: Envelope, mail: bytes, rcpt: bytes) -> None:
        # RSET first: after a refusal in the middle the replies would shift by one message.
        size = b"BDAT %d LAST\r\n" % len(envelope.message)
        await self.connection.write(b"".join((b"RSET\r\n", mail, rcpt, size, envelope.message)), Phase.END)

    async def _landed(self, flight: deque[Envelope]) -> None:
        """Read the four replies of the message that is longest in flight."""
        timeout_s = self.connection.server.timeouts.end
        replies = [(await self.connection.reply(phase, timeout_s), phase) for phase in _CHUNKED_PHASES]
        envelope = flight.popleft()
        refused = next((pair for pair in replies[1:] if pair[0].code >= 400), None)
        self._finish(envelope, *(refused or replies[-1]))

    def _ask_in_flight(self, envelope: Envelope, flight: deque[Envelope]) -> None:
        if self.may_finish():
            return
        for each in flight:
            self.report(
                Result(each.key, Outcome.IN_DOUBT, Phase.END, None, "the lease ended before the answer")
            )
        flight.clear()
        self._ask(envelope)

    def _lost_in_flight(self, flight: deque[Envelope], error: Lost) -> None:
        """After a 421 the server takes nothing more, so what it has not answered was not accepted."""
        for envelope in flight:
            if self.connection.is_closing:
                self.again(envelope, error)
            else:
                self.report(Result(envelope.key, Outcome.IN_DOUBT, Phase.END, error.reply, error.text))
        flight.clear()


_CHUNKED_PHASES = (Phase.RSET, Phase.MAIL, Phase.RCPT, Phase.END)


def _lines(envelope: Envelope, connection: Connection) -> tuple[bytes, bytes]:
    """The MAIL and RCPT lines for this server; raises Unsendable."""
    offered = connection.capabilities
    try:
        mail_from, rcpt_to = path(envelope.mail_from), path(envelope.rcpt_to)
    except ValueError as error:
        raise Unsendable(str(error), enhanced="5.1.3") from error
    parameters = ""
    size = len(envelope.message)
    if "SIZE" in offered:
        parameters += f" SIZE={size}"
        if offered.size_limit and size > offered.size_limit:
            raise Unsendable(f"{size} bytes are more than the server takes", enhanced="5.3.4")
    if not envelope.message.isascii():
        if "8BITMIME" not in offered:
            raise Unsendable("8-bit text, which the server does not take", enhanced="5.6.1")
        parameters += " BODY=8BITMIME"
    if not (mail_from.isascii() and rcpt_to.isascii()):
        if "SMTPUTF8" not in offered:
            raise Unsendable("an address with letters that the server does not take", enhanced="5.6.7")
        parameters += " SMTPUTF8"
    try:
        return command(f"MAIL FROM:<{mail_from}>{parameters}"), command(f"RCPT TO:<{rcpt_to}>")
    except ValueError as error:
        raise Unsendable(str(error), enhanced="5.1.3") from error
