"""How messages go over one connection: in lockstep, pipelined (RFC 2920), or in chunks (RFC 3030).

Whatever the way, a message's fate is reported as its last reply is read and before any further
bytes go out on that connection: whoever keeps a journal knows it before it can be overtaken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Envelope, Outcome, Result
from campaigns.mail.envelope_commands import envelope_lines
from campaigns.mail.errors import Lost, Silent, Unsendable
from campaigns.mail.protocol import Phase, Reply, stuffed

# A message over this goes out alone and its end in a write of its own: the time that it takes to
# hand over must not lie between the question whether it may end and the end.
LARGE_BYTES = 256 * 1024
# What is in flight can't be taken back by a pause: no more than is answered within so long.
ANSWERED_WITHIN_S = 1.0
# When the lease ends, answers that are on their way are waited for so long.
LAST_WAIT_S = 5.0
HELD_BACK = "held back by the sender"


class Withheld(Exception):
    """A message that was begun may not be ended: only closing the connection takes it back."""


@dataclass(slots=True, eq=False)
class Flight:
    """An envelope on its way, and what is known of it."""

    envelope: Envelope
    lines: list[tuple[Phase, bytes]]
    is_over: bool = False  # its end was handed over
    handed_at: float = 0.0  # then, by the loop's clock
    number: int = 1  # in flight with it, then
    refusal: tuple[Reply, Phase] | None = None

    @property
    def is_large(self) -> bool:
        return len(self.envelope.message) > LARGE_BYTES


@dataclass(slots=True, eq=False)
class Transactions:
    """Carries envelopes over one connection until `take` gives no more or the connection is worn.

    `report` gets a Result for each; `again` gets the envelopes that were lost on the way before their
    end was handed over: known not to be accepted, good for another connection. `may_finish` is asked with
    an envelope's key right before that. `answered` counts the messages that the server answered;
    `has_withheld`: one of them had to be held back.
    """

    connection: Connection
    take: Callable[[], Envelope | None]
    report: Callable[[Result], None]
    again: Callable[[Envelope, Lost], None]
    may_finish: Callable[[int], bool]
    answered: int = 0
    has_withheld: bool = False
    _flights: deque[Flight] = field(default_factory=deque)
    _must_reset: bool = False
    _is_late: bool = False

    async def run(self) -> None:
        """Raises Lost when the connection broke, Withheld when it has to be closed; all is told by then."""
        server, offered = self.connection.server, self.connection.capabilities
        pipelines = server.pipelining and "PIPELINING" in offered
        try:
            if pipelines and server.chunking and "CHUNKING" in offered:
                await self._chunked(server.depth)
            else:
                await self._by_data(pipelines=pipelines)
        except Lost as error:
            self._abandon(error)
            raise
        except Withheld:
            self._abandon(Lost(Phase.BODY, HELD_BACK))
            raise

    @property
    def awaits_fate(self) -> bool:
        """Whether a message's end was handed over and its fate is not known yet."""
        return any(flight.is_over for flight in self._flights)

    # -- taking and telling

    def _next(self) -> Flight | None:
        """The next envelope that can go to this server; it is under way from here on."""
        while not self.connection.is_worn and (envelope := self.take()):
            try:
                mail, rcpt = envelope_lines(envelope, self.connection.capabilities)
            except Unsendable as error:
                reply = Reply(550, error.text, error.enhanced)
                self.report(Result(envelope.key, Outcome.UNSENDABLE, Phase.MAIL, reply, error.text))
                continue
            flight = Flight(envelope, [(Phase.MAIL, mail), (Phase.RCPT, rcpt)])
            self._flights.append(flight)
            return flight
        return None

    def _settle(self, reply: Reply, phase: Phase) -> None:
        """Tell the fate of the message that is longest under way."""
        envelope = self._flights.popleft().envelope
        if reply.code == 421:  # it speaks of the connection, not of the message
            self.again(envelope, Lost(phase, reply.text, reply=reply))
            return
        accepted = reply.code < 300 and phase is Phase.END
        self.answered += 1
        self.report(
            Result(envelope.key, Outcome.ACCEPTED if accepted else Outcome.REFUSED, phase, reply, reply.text)
        )

    def _hold_back(self, flight: Flight) -> None:
        """Tell that it was not ended because it may not be."""
        self._flights.remove(flight)
        self.has_withheld = True
        key = flight.envelope.key
        self.report(Result(key, Outcome.HELD_BACK, Phase.BODY, text=HELD_BACK))

    def _abandon(self, error: Lost) -> None:
        """Tell what became of all that were under way.

        After a 421 the server takes nothing more (RFC 5321 section 3.8): what it left unanswered when it
        closed was not accepted. If it falls silent instead, nobody knows.
        """
        has_hung_up = self.connection.is_closing and not isinstance(error, Silent)
        # What it said to another message is no answer to these: for them it just went away.
        fate = error if error.reply is None else Lost(Phase.CONNECT, error.text, reply=error.reply)
        while self._flights:
            flight = self._flights[0]
            if flight.refusal:
                self._settle(*flight.refusal)
                continue
            self._flights.popleft()
            if flight.is_over and not has_hung_up:
                key = flight.envelope.key
                self.report(Result(key, Outcome.IN_DOUBT, Phase.END, error.reply, error.text))
            else:
                self.again(flight.envelope, fate)

    def _stop_if_closing(self) -> None:
        if self.connection.is_closing and self._flights:
            farewell = self.connection.farewell
            raise Lost(self._flights[0].lines[0][0], farewell.text if farewell else "", reply=farewell)

    # -- by DATA: one command, one reply; or a message together with the next message's envelope

    async def _by_data(self, *, pipelines: bool) -> None:
        flight = self._next()
        if flight and pipelines:
            await self.connection.write(self._opening(flight), Phase.MAIL)
        while flight:
            following = None
            if await self._is_welcome(flight, was_asked=pipelines):
                following = self._next() if pipelines and not flight.is_large else None
                await self._hand_over(flight, self._opening(following) if following else b"")
                await self._read_end()
            self._stop_if_closing()
            flight = following or self._next()
            if flight and pipelines and not following:
                await self.connection.write(self._opening(flight), Phase.MAIL)
        if self._must_reset and not self.connection.is_closing:
            await self.connection.write(b"RSET\r\n", Phase.RSET)  # leave no half transaction behind
            await self.connection.reply(Phase.RSET)

    def _opening(self, flight: Flight) -> bytes:
        """What asks for a transaction: [RSET] MAIL RCPT DATA."""
        if self._must_reset:
            flight.lines.insert(0, (Phase.RSET, b"RSET\r\n"))
            self._must_reset = False
        flight.lines.append((Phase.DATA, b"DATA\r\n"))
        return b"".join(line for _phase, line in flight.lines)

    async def _is_welcome(self, flight: Flight, *, was_asked: bool) -> bool:
        """Whether the server waits for the message's text; if not, its fate is told."""
        if not was_asked:
            self._opening(flight)
        goes_on = False
        for phase, line in flight.lines:
            if not was_asked:
                await self.connection.write(line, phase)
            timeouts = self.connection.server.timeouts
            reply = await self.connection.reply(phase, timeouts.data if phase is Phase.DATA else None)
            if reply.code == 421:
                self._settle(*(flight.refusal or (reply, phase)))
                return False
            if phase is Phase.RSET:
                continue
            if reply.code >= 400:
                flight.refusal = flight.refusal or (reply, phase)
                if not was_asked:
                    break
                continue
            _expect(reply, phase)
            goes_on = phase is Phase.DATA
        if flight.refusal is None:
            return True
        await self._close_transaction(flight.refusal[1], goes_on=goes_on)
        self._settle(*flight.refusal)
        return False

    async def _close_transaction(self, refused_at: Phase, *, goes_on: bool) -> None:
        if goes_on:
            # Refused, and the server wants the text all the same: only the dot (RFC 2920 section 3.1).
            await self.connection.write(b".\r\n", Phase.BODY)
            await self.connection.reply(Phase.BODY)
        else:
            self._must_reset = refused_at is not Phase.MAIL

    async def _hand_over(self, flight: Flight, tail: bytes) -> None:
        data = stuffed(flight.envelope.message)
        if flight.is_large:
            await self.connection.write_through(data[:-3], Phase.BODY)
            data = data[-3:]
        if self.connection.is_gone:
            raise Lost(Phase.BODY, "the connection broke")
        if not self.may_finish(flight.envelope.key):
            self._hold_back(flight)
            self.connection.abort()
            raise Withheld
        flight.is_over = True
        self.connection.sent += 1
        await self.connection.write(data + tail, Phase.END)

    async def _read_end(self) -> None:
        reply = await self.connection.reply(Phase.END, self.connection.server.timeouts.end)
        _expect(reply, Phase.END)
        self._settle(reply, Phase.END)

    # -- by BDAT: several whole messages in flight

    async def _chunked(self, depth: int) -> None:
        while True:
            large = await self._load(depth)
            if not self._flights:
                break
            if large and self._flights[0] is large:
                self._stop_if_closing()
                await self._alone(large)
                continue
            await self._land()
            while self._flights and self._flights[0].is_over and self.connection.has_replies(4):
                await self._land()
        if self._is_late:
            self.connection.abort()
            raise Withheld

    async def _load(self, depth: int) -> Flight | None:
        """Fill the window in one write; a large message is only taken, and returned.

        The first message on a connection goes alone: a server that drops connections on BDAT would
        otherwise leave a whole window in doubt. Later as many are in flight as are answered soon.
        """
        if self._flights and not self._flights[-1].is_over:
            return self._flights[-1]
        if self.connection.is_gone:
            if not self._flights:
                raise Lost(Phase.MAIL, "the connection broke")
            return None
        room, now = min(depth, self.connection.room), asyncio.get_running_loop().time()
        group: list[bytes] = []
        large: Flight | None = None
        while not self._is_late and len(self._flights) < room and (flight := self._next()):
            if flight.is_large:
                large = flight
                break
            if not self.may_finish(flight.envelope.key):
                self._is_late = True
                self._hold_back(flight)
                break
            flight.is_over, flight.handed_at, flight.number = True, now, len(self._flights)
            self.connection.sent += 1
            group += _chunk(flight)
        if group:
            await self.connection.write(b"".join(group), Phase.END)
        return large

    async def _land(self) -> None:
        """Read the four replies of the message that is longest in flight."""
        flight = self._flights[0]
        ends = self._is_late or self.connection.is_closing
        timeout_s = LAST_WAIT_S if ends else self.connection.server.timeouts.end
        for phase in (Phase.RSET, Phase.MAIL, Phase.RCPT, Phase.END):
            reply = await self.connection.reply(phase, timeout_s)
            if reply.code == 421 or (reply.code >= 400 and phase is not Phase.RSET):
                flight.refusal = flight.refusal or (reply, phase)
            elif phase is not Phase.RSET and not flight.refusal:
                _expect(reply, phase)
        took_s = asyncio.get_running_loop().time() - flight.handed_at
        # Rounded up: where it is the way that is long, and not the answer, more go out together each time.
        self.connection.room = ceil(flight.number * ANSWERED_WITHIN_S / max(took_s, 0.001))
        self._settle(*(flight.refusal or (reply, Phase.END)))

    async def _alone(self, flight: Flight) -> None:
        """A large message, by DATA."""
        self._must_reset = True
        if await self._is_welcome(flight, was_asked=False):
            await self._hand_over(flight, b"")
            await self._read_end()
        self._must_reset = False  # every chunk begins with RSET
        self._stop_if_closing()


def _chunk(flight: Flight) -> tuple[bytes, ...]:
    # RSET first: after a refusal in the middle the replies would shift by one message.
    message = flight.envelope.message
    (_mail, mail), (_rcpt, rcpt) = flight.lines
    return b"RSET\r\n", mail, rcpt, b"BDAT %d LAST\r\n" % len(message), message


def _expect(reply: Reply, phase: Phase) -> None:
    """Raises Lost on a reply that is no refusal and does not fit: nobody knows where the server stands."""
    if reply.code < 400 and (reply.code == 354) is not (phase is Phase.DATA):
        raise Lost(phase, f"an answer that does not fit: {reply.code}")
