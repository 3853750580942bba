"""Sends messages by BDAT (RFC 3030), several complete ones in flight on a connection."""

from __future__ import annotations

import asyncio
import re
from math import ceil

from campaigns.mail.by_data import ByData
from campaigns.mail.connection import QUIT
from campaigns.mail.errors import Lost, Silent
from campaigns.mail.protocol import Phase, Reply
from campaigns.mail.traits import Trait
from campaigns.mail.under_way import Flight, UnderWay, Withheld, expect

# Seconds. A pause cannot take back what is in flight: no more messages than are answered within this time.
ANSWERED_WITHIN_S = 1.0
# Seconds to wait for answers under way when the lease ends.
LAST_WAIT_S = 5.0
REPLIES = 4  # to one message: RSET, MAIL, RCPT, BDAT
# A line that no server takes for a command, in case it does not understand chunks.
_HEADER = re.compile(rb"[!-9;-~]+:[ \t][^\r\n]*\r\n")


class ByChunks:
    """Until the server is seen to understand BDAT, only one header line is sent behind a BDAT command.

    A server or firewall that offers CHUNKING without understanding it would read the text as commands.
    """

    def __init__(self, under_way: UnderWay, by_data: ByData) -> None:
        self._under_way = under_way
        self._flights = under_way.flights
        self._by_data = by_data
        self._connection = under_way.connection
        self._experience = under_way.experience
        self._is_late = False

    async def run(self) -> None:
        """Send until there is no more, the connection is worn, or the server shows that BDAT fails."""
        while True:
            single = await self._load()
            if not self._flights:
                break
            if single and self._flights[0] is single:
                self._under_way.stop_if_closing()
                await self._alone(single)
                continue
            await self._land()
            while self._flights and self._flights[0].is_over and self._connection.has_replies(REPLIES):
                await self._land()
        if self._is_late:
            self._connection.abort()
            raise Withheld
        self._by_data.start_over()

    async def _load(self) -> Flight | None:
        """Fill the window in one write. A message that has to go alone is only taken, and returned.

        The first message on a connection goes alone: a server that drops connections at BDAT would otherwise
        leave a whole window in doubt. Later, as many are in flight as are answered soon.
        """
        flights, under_way = self._flights, self._under_way
        if self._connection.has_quit:
            return None
        if flights and not flights[-1].is_over:
            return flights[-1]
        if self._connection.is_gone:
            if not flights:
                raise Lost(Phase.MAIL, "the connection broke")
            return None
        if not flights:
            under_way.stop_if_out_of_step(Phase.MAIL)
        room, now = self._room, asyncio.get_running_loop().time()
        group: list[bytes] = []
        single: Flight | None = None
        while not self._is_late and len(flights) < room and (flight := under_way.next()):
            if flight.is_large or not self._experience.chunks_work:
                single = flight
                break
            if not under_way.may_finish(flight.envelope.key):
                self._is_late = True
                under_way.hold_back(flight)
                break
            flight.is_over, flight.handed_at, flight.number = True, now, len(flights)
            group += _chunk(flight)
        if group and self._is_last(single):
            group.append(QUIT)
            self._connection.has_quit = True
        if group:
            await self._connection.write(b"".join(group), Phase.END)
        return single

    def _is_last(self, single: Flight | None) -> bool:
        """Whether the connection takes no message after these, so that QUIT may end the group.

        RFC 2920 section 3.1. It saves the round trip that a new connection would have to wait for.
        """
        connection = self._connection
        is_quiet = connection.takes_chunks and not connection.is_closing
        return is_quiet and connection.is_worn and single is None and not self._is_late

    @property
    def _room(self) -> int:
        server = self._experience.server
        if not server.chunking:
            return 0
        return min(server.depth, self._connection.room) if self._connection.takes_chunks else 1

    async def _land(self) -> None:
        """Read the four replies to the oldest message in flight."""
        flight = self._flights[0]
        ends = self._is_late or self._connection.is_closing
        timeout_s = LAST_WAIT_S if ends else self._connection.server.timeouts.end
        reply = self._connection.last_if_all_well(REPLIES) or await self._read(flight, Phase.END, timeout_s)
        if not flight.refusal:
            self._connection.takes_chunks = True
        self._connection.is_in_step = not reply.is_unknown_command
        took_s = asyncio.get_running_loop().time() - flight.handed_at
        # Rounded up: if latency is high, rather than the server slow, more are sent together each time.
        self._connection.room = ceil(flight.number * ANSWERED_WITHIN_S / max(took_s, 0.001))
        self._under_way.settle(*(flight.refusal or (reply, Phase.END)))

    async def _read(self, flight: Flight, last: Phase, timeout_s: float) -> Reply:
        for phase in (Phase.RSET, Phase.MAIL, Phase.RCPT, last):
            reply = await self._connection.reply(phase, timeout_s)
            if reply.code >= 400:
                self._refuse(flight, reply, phase)
            elif phase is not Phase.RSET and not flight.refusal:
                expect(reply, phase)
        return reply

    def _refuse(self, flight: Flight, reply: Reply, phase: Phase) -> None:
        """Handle a refusal. Raises Lost if the server took the message's text for commands."""
        if reply.is_unknown_command and not flight.refusal:
            if phase is Phase.RSET:  # alone it is only odd: a text has more lines than one
                flight.is_suspect = not self._connection.is_in_step
            if phase is Phase.MAIL and flight.is_suspect:
                raise self._misunderstood(reply, phase)
            if phase in (Phase.BODY, Phase.END) and not self._connection.takes_chunks:
                # No other message is under way.
                flight.is_over = False
                self._under_way.answered += 1
                raise self._misunderstood(reply, phase)
        if phase is not Phase.RSET or reply.code == 421:
            flight.refusal = flight.refusal or (reply, phase)

    def _misunderstood(self, reply: Reply, phase: Phase) -> Lost:
        self._experience.learn(Trait.NO_CHUNKS, said=str(reply))
        return Lost(phase, f"the server does not understand BDAT: {reply}")

    # -- one by itself

    async def _alone(self, flight: Flight) -> None:
        """Send one message: a large one by DATA; the very first in two chunks, first a single line."""
        first_line = _HEADER.match(flight.envelope.message)
        if flight.is_large or first_line is None or not self._experience.may_try_chunks(self._connection):
            await self._by_data.alone(flight)
            return
        await self._try_out(flight, first_line.end())
        self._under_way.stop_if_closing()

    async def _try_out(self, flight: Flight, first: int) -> None:
        message, connection = flight.envelope.message, self._connection
        (_mail, mail), (_rcpt, rcpt) = flight.lines
        opening = b"RSET\r\n" + mail + rcpt + b"BDAT %d\r\n" % first + message[:first]
        await connection.write(opening, Phase.BODY)
        try:
            await self._read(flight, Phase.BODY, connection.server.timeouts.command)
        except Lost as error:
            if error.phase is Phase.BODY and not isinstance(error, Silent):
                self._experience.dropped_a_chunk()
            raise
        if flight.refusal:
            self._under_way.settle(*flight.refusal)
            return
        if connection.is_gone:
            raise Lost(Phase.BODY, "the connection broke")
        self._under_way.stop_if_out_of_step(Phase.BODY)
        if not self._under_way.may_finish(flight.envelope.key):
            self._under_way.hold_back(flight)
            connection.abort()
            raise Withheld
        flight.is_over = True
        rest = message[first:]
        await connection.write(b"BDAT %d LAST\r\n" % len(rest) + rest, Phase.END)
        reply = await connection.reply(Phase.END, connection.server.timeouts.end)
        if reply.code >= 400:
            self._refuse(flight, reply, Phase.END)
        expect(reply, Phase.END)
        if reply.is_positive:
            connection.takes_chunks = self._experience.chunks_work = True
        self._under_way.settle(reply, Phase.END)


def _chunk(flight: Flight) -> tuple[bytes, ...]:
    # RSET first: after a refusal in the middle, the replies would shift by one message.
    message = flight.envelope.message
    (_mail, mail), (_rcpt, rcpt) = flight.lines
    return b"RSET\r\n", mail, rcpt, b"BDAT %d LAST\r\n" % len(message), message
