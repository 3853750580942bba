"""Tracks the messages under way on one connection, and reports their outcomes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Envelope, Outcome, Result
from campaigns.mail.envelope_commands import envelope_lines
from campaigns.mail.errors import Lost, Silent, Unsendable
from campaigns.mail.experience import Experience
from campaigns.mail.protocol import Phase, Reply
from campaigns.mail.traits import Trait

# A message over this goes alone, with its end in a separate write: the time it takes to hand over must not
# lie between the question whether it may be finished and its end.
LARGE_BYTES = 256 * 1024
HELD_BACK = "held back by the sender"
STRAY = "an answer that nobody waited for"


class Withheld(Exception):
    """A message that was begun may not be finished: only closing the connection takes it back."""


@dataclass(slots=True, eq=False)
class Flight:
    """An envelope under way, and what is known about it."""

    envelope: Envelope
    lines: list[tuple[Phase, bytes]]
    is_over: bool = False  # its end was handed over
    handed_at: float = 0.0  # when, by the loop's clock
    number: int = 1  # messages in flight at that time
    refusal: tuple[Reply, Phase] | None = None
    rides: bool = False  # its envelope was sent behind another message's final dot
    is_misplaced: bool = False  # refused because of its position, not for itself
    is_suspect: bool = (
        False  # RSET unknown, after a chunk that was unknown too: the text may be read as commands
    )

    @property
    def is_large(self) -> bool:
        return len(self.envelope.message) > LARGE_BYTES


@dataclass(slots=True, eq=False)
class UnderWay:
    """The state of one connection, however its messages are sent.

    `report` gets a Result for each message; `again` gets envelopes that were lost before their end was handed
    over, or that are known not to be accepted: another connection may send them. `answered` counts the
    messages that the server answered. `may_finish` is asked with an envelope's key right before its end is
    handed over. `elsewhere` gets those that have to move to another connection. `has_withheld`: one of them
    had to be held back.
    """

    connection: Connection
    experience: Experience
    take: Callable[[], Envelope | None]
    report: Callable[[Result], None]
    again: Callable[[Envelope, Lost], None]
    may_finish: Callable[[int], bool]
    elsewhere: Callable[[Envelope], None]
    answered: int = 0
    has_withheld: bool = False
    flights: deque[Flight] = field(default_factory=deque)  # the oldest first
    has_ended: bool = False  # and this has been noted

    @property
    def awaits_fate(self) -> bool:
        """Whether a message's end was handed over and its outcome is not known yet."""
        return any(flight.is_over for flight in self.flights)

    def next(self) -> Flight | None:
        """The next envelope that can go to this server; it counts as under way from here."""
        self.connection.server = self.experience.server  # another connection may have learned something
        while not self.connection.is_worn and (envelope := self.take()):
            try:
                mail, rcpt = envelope_lines(envelope, self.connection.capabilities)
            except Unsendable as error:
                reply = Reply(550, error.text, error.enhanced)
                self.report(Result(envelope.key, Outcome.UNSENDABLE, Phase.MAIL, reply, error.text))
                continue
            flight = Flight(envelope, [(Phase.MAIL, mail), (Phase.RCPT, rcpt)])
            self.flights.append(flight)
            self.connection.begun += 1
            return flight
        return None

    def settle(self, reply: Reply, phase: Phase) -> None:
        """Report the outcome of the oldest message under way."""
        if reply.code == 421:  # about the connection, not the message
            self.note_the_end()
            self.again(self.flights.popleft().envelope, Lost(phase, reply.text, reply=reply))
            return
        envelope = self.flights.popleft().envelope
        accepted = reply.code < 300 and phase is Phase.END
        self.answered += 1
        self.report(
            Result(envelope.key, Outcome.ACCEPTED if accepted else Outcome.REFUSED, phase, reply, reply.text)
        )

    def put_back(self, reply: Reply, phase: Phase) -> None:
        """The oldest message was not refused for itself: it is sent again, no attempt charged."""
        self.answered += 1
        self.again(self.flights.popleft().envelope, Lost(phase, reply.text))

    def let_go(self, flight: Flight) -> None:
        """Let another connection take it, no attempt charged: this one has not handed over its message."""
        self.flights.remove(flight)
        self.elsewhere(flight.envelope)

    def hold_back(self, flight: Flight) -> None:
        """Report that it was not finished because it may not be."""
        self.flights.remove(flight)
        self.has_withheld = True
        key = flight.envelope.key
        self.report(Result(key, Outcome.HELD_BACK, Phase.BODY, text=HELD_BACK))

    def stop_if_closing(self) -> None:
        """Raise Lost if the server has sent a 421 while messages are under way."""
        if self.connection.is_closing and self.flights:
            farewell = self.connection.farewell
            raise Lost(self.flights[0].lines[0][0], farewell.text if farewell else "", reply=farewell)

    def stop_if_out_of_step(self, phase: Phase) -> None:
        """Raise Lost if there is a reply although nothing was asked: the next ones could not be matched."""
        if not self.connection.has_reply:
            return
        stray = self.connection.stray()
        if stray.is_unknown_command and self.connection.takes_chunks:  # to text that an earlier message left
            self.experience.learn(Trait.NO_CHUNKS, said=str(stray))
        text = stray.text if stray.code == 421 else f"{STRAY}: {stray}"
        raise Lost(phase, text, reply=stray if stray.code == 421 else None)

    def note_the_end(self, *, is_silent: bool = False) -> None:
        """The server has ended the connection, or does not answer any more."""
        if self.has_ended:
            return
        self.has_ended = True
        connection = self.connection
        self.experience.ended(
            opened_after=connection.opened_after,
            done=0 if is_silent else connection.begun - len(self.flights),
            under_way=sum(flight.is_over for flight in self.flights),
            said=connection.farewell.text if connection.farewell else "",
        )

    def abandon(self, error: Lost) -> None:
        """Report the outcome of all messages under way.

        After a 421 the server accepts nothing more (RFC 5321 section 3.8): what it left unanswered when it
        closed was not accepted. If it falls silent instead, the outcome is unknown.
        """
        has_hung_up = self.connection.is_closing and not isinstance(error, Silent)
        # A reply to another message is no answer to these: for them the server just went away.
        fate = error if error.reply is None else Lost(Phase.CONNECT, error.text, reply=error.reply)
        while self.flights:
            flight = self.flights[0]
            if flight.refusal:
                self.settle(*flight.refusal)
                continue
            self.flights.popleft()
            if flight.is_over and not has_hung_up:
                key = flight.envelope.key
                self.report(Result(key, Outcome.IN_DOUBT, Phase.END, error.reply, error.text))
            else:
                self.again(flight.envelope, fate)


def expect(reply: Reply, phase: Phase) -> None:
    """Raise Lost on a reply that is not a refusal and does not fit: the server's state is unknown."""
    if reply.code < 400 and (reply.code == 354) is not (phase is Phase.DATA):
        raise Lost(phase, f"an answer that does not fit: {reply.code}")
