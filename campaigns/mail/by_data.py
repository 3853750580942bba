"""Sends messages by DATA: command and reply in turn, or a message together with the next one's envelope."""

from __future__ import annotations

import asyncio

from campaigns.mail.errors import Lost, Silent
from campaigns.mail.protocol import Phase, Reply, stuffed
from campaigns.mail.traits import Trait
from campaigns.mail.under_way import Flight, UnderWay, Withheld, expect

# Seconds. Some servers discard what follows a final dot, or parts of it: then the answer never comes.
PATIENCE_S = 3.0
RIDE_S = 5.0  # seconds that an envelope waits behind another message's final dot
SLOWEST_TIMES = 3


class ByData:
    """`pipelines`: the server accepts several commands in one write.

    The next message's envelope follows the final dot in the same write where that is known to work: RFC 2920
    section 3.1 allows it, but not every server supports it. Code calls this riding.
    """

    def __init__(self, under_way: UnderWay, *, pipelines: bool) -> None:
        self.pipelines = pipelines
        self._under_way = under_way
        self._connection = under_way.connection
        self._experience = under_way.experience
        self._must_reset = False
        self._patience_s = PATIENCE_S

    async def run(self) -> None:
        """Send until there is no more, or the connection is worn."""
        under_way, pipelines = self._under_way, self.pipelines
        flight = under_way.next()
        if flight and pipelines:
            await self._ask(flight)
        while flight:
            following = None
            if await self._is_welcome(flight, was_asked=pipelines):
                if pipelines and not flight.is_large and self._experience.may_ride(self._connection):
                    following = self._rider()
                await self._hand_over(flight, self._opening(following) if following else b"")
                if following:
                    await self._wait_for_the_end(following)
                await self._read_end()
            under_way.stop_if_closing()
            if following and not self._connection.has_reply:
                await self._wait_for_the_ride()
            flight = following or under_way.next()
            if flight and pipelines and not following:
                await self._ask(flight)
        if self._must_reset and not self._connection.is_closing:
            await self._connection.write(b"RSET\r\n", Phase.RSET)  # leave no open transaction behind
            await self._connection.reply(Phase.RSET)

    def start_over(self) -> None:
        """Reset first: another way of sending may have left a transaction open."""
        self._must_reset = True

    async def alone(self, flight: Flight) -> None:
        """Send one message between those that are sent in another way."""
        self._must_reset = True
        if await self._is_welcome(flight, was_asked=False):
            await self._hand_over(flight, b"")
            await self._read_end()
        self._must_reset = False  # the others send RSET themselves
        self._under_way.stop_if_closing()

    async def _ask(self, flight: Flight) -> None:
        """Ask for a transaction in one write; measures the time to the first answer."""
        opening, phase = self._opening(flight), flight.lines[0][0]
        self._under_way.stop_if_out_of_step(phase)
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await self._connection.write(opening, phase)
        await self._connection.upcoming(phase)
        patience_s = SLOWEST_TIMES * (loop.time() - asked)
        self._patience_s = min(self._connection.server.timeouts.command, max(self._patience_s, patience_s))

    def _opening(self, flight: Flight) -> bytes:
        """The commands that open a transaction: [RSET] MAIL RCPT DATA."""
        if self._must_reset:
            flight.lines.insert(0, (Phase.RSET, b"RSET\r\n"))
            self._must_reset = False
        flight.lines.append((Phase.DATA, b"DATA\r\n"))
        return b"".join(line for _phase, line in flight.lines)

    def _rider(self) -> Flight | None:
        flight = self._under_way.next()
        if flight:
            flight.rides = True
        return flight

    async def _wait_for_the_ride(self) -> None:
        """Wait for the first answer to an envelope behind a final dot. Raises Silent if there is none."""
        try:
            await self._connection.upcoming(Phase.MAIL, self._patience_s)
        except Silent as error:
            self._experience.learn(Trait.BARE_DOT, said=error.text)
            raise

    async def _wait_for_the_end(self, following: Flight) -> None:
        """Wait for the answer to a message, with another's envelope behind its final dot. Raises Lost.

        If it takes long, that other message moves to another connection, and this one is closed after the
        answer (Withheld): its transaction is open here, and no message may follow.
        """
        try:
            await self._connection.upcoming(Phase.END, RIDE_S)
        except Silent:
            self._under_way.let_go(following)
            await self._read_end()
            raise Withheld from None

    def _is_out_of_place(self, flight: Flight, reply: Reply, phase: Phase) -> bool:
        """Whether the envelope was refused because it followed a final dot."""
        if phase is Phase.MAIL and flight.rides and reply.is_protocol_error:
            flight.is_misplaced = True
            self._experience.learn(Trait.BARE_DOT, said=str(reply))
        return flight.is_misplaced

    async def _is_welcome(self, flight: Flight, *, was_asked: bool) -> bool:
        """Whether the server wants the message's text; if not, the outcome is reported."""
        if not was_asked:
            self._opening(flight)
        goes_on, timeouts = False, self._connection.server.timeouts
        for phase, line in flight.lines:
            if not was_asked:
                self._under_way.stop_if_out_of_step(phase)
                await self._connection.write(line, phase)
            wait_s = timeouts.data if phase is Phase.DATA else None
            reply = await self._connection.reply(phase, self._patience_s if flight.is_misplaced else wait_s)
            if reply.code == 421:
                self._under_way.settle(*(flight.refusal or (reply, phase)))
                return False
            if phase is Phase.RSET:
                continue
            if reply.code >= 400:
                if self._is_out_of_place(flight, reply, phase):
                    continue
                flight.refusal = flight.refusal or (reply, phase)
                if not was_asked:
                    break
                continue
            expect(reply, phase)
            goes_on = phase is Phase.DATA
        if flight.refusal is None and not flight.is_misplaced:
            self._experience.rides_work |= flight.rides
            return True
        await self._turn_away(flight, reply, goes_on=goes_on)
        return False

    async def _turn_away(self, flight: Flight, last: Reply, *, goes_on: bool) -> None:
        """Close the message's transaction and report its outcome."""
        if goes_on:
            # Refused, but the server expects the text all the same: send only the dot (RFC 2920 section 3.1).
            await self._connection.write(b".\r\n", Phase.BODY)
            await self._connection.reply(Phase.BODY)
        elif flight.is_misplaced or (flight.refusal and flight.refusal[1] is not Phase.MAIL):
            self._must_reset = True
        if flight.refusal:
            self._under_way.settle(*flight.refusal)
        else:
            self._under_way.put_back(last, Phase.MAIL)

    async def _hand_over(self, flight: Flight, tail: bytes) -> None:
        data = stuffed(flight.envelope.message)
        if flight.is_large:
            await self._connection.write_through(data[:-3], Phase.BODY)
            self._note_an_early_refusal(flight)
            data = data[-3:]
        if self._connection.is_gone:
            raise Lost(Phase.BODY, "the connection broke")
        self._under_way.stop_if_out_of_step(Phase.BODY)
        if not self._under_way.may_finish(flight.envelope.key):
            self._under_way.hold_back(flight)
            self._connection.abort()
            raise Withheld
        flight.is_over = True
        await self._connection.write(data + tail, Phase.END)

    def _note_an_early_refusal(self, flight: Flight) -> None:
        """Some servers refuse a message that is too large before its end."""
        if not self._connection.has_reply:
            return
        reply = self._connection.stray()
        if reply.code >= 400:
            flight.refusal = (reply, Phase.BODY)
        raise Lost(Phase.BODY, reply.text)

    async def _read_end(self) -> None:
        reply = await self._connection.reply(Phase.END, self._connection.server.timeouts.end)
        expect(reply, Phase.END)
        self._under_way.settle(reply, Phase.END)
