"""A pool of connections to one server, kept open between calls."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence

from campaigns.mail import tls
from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Envelope, Outcome, Result, Server
from campaigns.mail.errors import Lost, SessionError, Unreachable
from campaigns.mail.experience import Experience
from campaigns.mail.openings import GivenUp, Openings
from campaigns.mail.protocol import Phase
from campaigns.mail.security import Security
from campaigns.mail.transaction import HELD_BACK, Transactions, Withheld
from campaigns.mail.waiting import Waiting

# After that many dropped connections in a row, none of which answered a message, the server gets no more for
# now.
DROPS_IN_A_ROW = 3


class Pool:
    """Sends envelopes over up to `connections` connections at once, by default as the server's settings say.

    `on_result` is called once for each envelope, as soon as its outcome is known and before any further bytes
    leave on that connection. `waiting` chooses the next one. `may_take` is asked with an envelope's key
    before its first byte leaves: False holds it and all others back. `may_finish` is asked right before its
    end is handed over: False holds that one back and closes its connection. An error raised by any of them
    ends the call, with every connection in use.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_result: Callable[[Result], None],
        waiting: Waiting | None = None,
        may_take: Callable[[int], bool] = lambda _key: True,
        may_finish: Callable[[int], bool] = lambda _key: True,
        connect: Callable[..., Connection] = Connection,
    ) -> None:
        self.server = server
        self.experience = Experience(server)
        self.connections = server.connections
        self.hangs = False  # the last attempt to connect was neither refused nor answered
        self._on_result = on_result
        self._waiting = Waiting() if waiting is None else waiting
        self._may_take = may_take
        self._may_finish = may_finish
        self._connect = connect
        self._openings = Openings()
        self._at_work: list[Transactions] = []
        self._idle: list[Connection] = []
        self._second: set[int] = set()
        self._trouble: SessionError | None = None
        self._has_given_up = False
        self._stands = False  # a first connection is open
        self._drops = 0
        self._in_use = 0
        self._opening = 0
        self._closing = 0
        self._runners = 0
        self._group: asyncio.TaskGroup | None = None
        self._is_drained = asyncio.Event()
        self._sending = asyncio.Lock()

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        """Return when each envelope has its result; concurrent calls wait for each other."""
        async with self._sending:
            self._openings.begin()
            self._waiting.begin()
            self._waiting.add(envelopes)
            self._second = set()
            self._trouble, self._has_given_up, self._drops = None, False, 0
            self._runners = 0
            self._stands = self.hangs = False
            self._is_drained.clear()
            try:
                async with asyncio.TaskGroup() as self._group:
                    self._start(self._first())
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            finally:
                self._is_drained.set()
            trouble = _without_what_was_said_to_others(self._trouble)
            for envelope in self._waiting.withdraw():
                self._report_unsent(envelope, trouble)

    def add(self, envelopes: Sequence[Envelope]) -> bool:
        """Give more envelopes to a running `send`, so that no connection is idle while another is waiting.

        Returns False, and takes none, when that call is about to return.
        """
        if not self._runners or self._has_given_up:
            return False
        self._waiting.add(envelopes)
        self.spread()
        return True

    def hold_back(self, keys: Collection[int] | None = None) -> None:
        """Hold back those that wait, all without `keys`, and report them; the wire is not affected."""
        held = self._waiting.withdraw(keys)
        self._note_waiting()
        for envelope in held:
            self._report_unsent(envelope, None)

    def open_until(self, moment: float | None) -> None:
        """Opening a connection may take until `moment` (the loop's clock); None: the usual timeouts."""
        self._openings.until = moment

    def stop_opening(self) -> None:
        """Give up all attempts to open a connection: nothing is left for them to carry."""
        self._openings.end()

    def give_up_silent(self, after_s: float) -> None:
        """Close connections that have waited `after_s` seconds, except for answers to finished messages."""
        for courier in self._at_work:
            if not courier.awaits_fate and courier.connection.waits_s > after_s:
                courier.connection.give_up(f"no answer within {after_s:.0f} s")

    def abort(self) -> None:
        """Close every connection in use at once: messages whose end was handed over are in doubt."""
        self.stop_opening()
        for courier in self._at_work:
            courier.connection.abort()

    async def drained(self) -> None:
        """Return when no more envelopes wait than there are connections, or `send` is over.

        Each connection then has one more: it goes on while the next ones are fetched.
        """
        if len(self._waiting) > self.connections:
            await self._is_drained.wait()

    def _note_waiting(self) -> None:
        if len(self._waiting) > self.connections:
            self._is_drained.clear()
        else:
            self._is_drained.set()

    @property
    def connections(self) -> int:
        """How many may be used: the set number, within what the server has shown to accept."""
        return min(self._connections, self.experience.server.connections)

    @connections.setter
    def connections(self, number: int) -> None:
        self._connections = number

    @property
    def open_connections(self) -> int:
        """Those in use, idle, or not completely closed yet."""
        return self._in_use + len(self._idle) + self._closing

    async def close(self) -> None:
        """Send QUIT and close every connection."""
        idle, self._idle = self._idle, []
        try:
            await asyncio.gather(*(connection.close() for connection in idle))
        finally:
            for connection in idle:
                connection.abort()  # of those that were given no time to answer

    async def close_down_to(self, connections: int) -> None:
        """Use that many from now on. Others are closed once they are idle: see `open_connections`."""
        self.connections = connections
        surplus = min(len(self._idle), max(0, self.open_connections - connections))
        over, self._idle = self._idle[:surplus], self._idle[surplus:]
        await asyncio.gather(*(connection.close() for connection in over))

    @functools.cached_property
    def _context(self) -> ssl.SSLContext | None:
        """One for all connections: reading the system's certificates takes longer than a handshake."""
        is_plain = self.server.security is Security.NONE
        if is_plain:
            return None
        return tls.context(verify=self.server.verify, authorities=self.server.authorities)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        assert self._group is not None
        self._runners += 1
        self._group.create_task(self._counted(work))

    async def _counted(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        finally:  # right here, not in the loop's next turn: `add` relies on who is still running
            self._runners -= 1

    def _start_more(self) -> None:
        for _number in range(min(self.connections - self._runners, len(self._waiting))):
            self._start(self._run(None))

    def spread(self) -> None:
        """Open more connections if more messages wait or more connections are allowed."""
        self._note_waiting()
        if self._stands and not self._has_given_up:
            self._start_more()

    async def _first(self) -> None:
        """One connection first: the others are worth a try only once it is open."""
        connection = await self._connection() if self._waiting else None
        if connection is None:
            return
        self._stands = True
        self._start_more()
        await self._run(connection)

    async def _run(self, connection: Connection | None) -> None:
        while self._waiting and not self._has_given_up and not self._are_too_many:
            if connection is None and self._in_use >= self.connections:
                return  # this one exceeded the limit: the others carry the rest
            connection = connection or await self._connection()
            if connection is None:
                return
            await self._use(connection)
            connection = None
        if connection:
            self._in_use -= 1
            await self._put_back(connection)

    @property
    def _are_too_many(self) -> bool:
        return self._in_use > self.connections

    async def _use(self, connection: Connection) -> None:
        def again(envelope: Envelope, error: Lost) -> None:
            self._again(envelope, error, is_suspect=not courier.answered and not courier.has_withheld)

        courier = Transactions(
            connection,
            self.experience,
            lambda: self._next(connection),
            self._report,
            again,
            self._may_finish,
            self._elsewhere,
        )
        is_sound = False
        self._at_work.append(courier)
        try:
            await courier.run()
        except Lost as error:
            connection.abort()
            self._count_drop(courier, error)
        except Withheld:
            connection.abort()
        except BaseException:
            connection.abort()
            raise
        else:
            if connection.is_closing and not courier.answered:
                self._count_drop(courier, connection.goodbye)
            self._drops = 0 if courier.answered else self._drops
            is_sound = True
        finally:
            self._at_work.remove(courier)
            self._in_use -= 1
            self.experience.leave(connection)
        if is_sound:
            await self._put_back(connection)

    def _count_drop(self, courier: Transactions, error: Lost) -> None:
        self._trouble = error
        self._drops = 0 if courier.answered else self._drops + 1
        self._has_given_up = self._has_given_up or self._drops >= DROPS_IN_A_ROW

    async def _connection(self) -> Connection | None:
        """An open connection; None when none can be had now."""
        self._in_use += 1
        while self._idle:
            connection = self._idle.pop()
            if await connection.is_awake():
                return connection
            await connection.close() if connection.is_worn else connection.abort()
        connection = self._connect(self.experience.server, context=self._context)
        connection.opened_after = self.experience.endings
        self._opening += 1
        try:
            await self._openings.open(connection)
        except BaseException as error:
            self._in_use -= 1
            if isinstance(error, GivenUp):
                return None
            if not isinstance(error, SessionError):
                raise
            # While others work, the server may just not want as many.
            self._trouble = error
            self.experience.refused(error.text, still_open=self.open_connections)
            self._has_given_up = self._has_given_up or self._in_use == 0
            self.hangs = self._in_use == 0 and isinstance(error, Unreachable) and error.is_late
            return None
        finally:
            self._opening -= 1
        self.experience.let_in(self.open_connections - self._opening)
        return connection

    async def _put_back(self, connection: Connection) -> None:
        if connection.is_worn or self.open_connections >= self.connections:
            self._closing += 1  # the server still counts it
            try:
                await connection.close()
            finally:
                self._closing -= 1
            return
        connection.rested_at = time.monotonic()
        self._idle.append(connection)

    def _next(self, connection: Connection) -> Envelope | None:
        connections = self.connections
        if self._has_given_up or self._in_use > connections:
            return None
        envelope = self._waiting.take(connection, connections)
        if envelope is not None and not self._may_take(envelope.key):
            self._waiting.put_back(envelope)
            self.hold_back()
            return None
        if len(self._waiting) <= connections:
            self._is_drained.set()
        return envelope

    def _again(self, envelope: Envelope, error: Lost, *, is_suspect: bool) -> None:
        """Another connection may try it: a message that breaks connections must not break all of them.

        It is suspect if the connection answered no other message before it broke; then it gets only one more
        try.
        """
        if is_suspect and envelope.key in self._second:
            self._report_unsent(envelope, error)
            return
        if is_suspect:
            self._second.add(envelope.key)
        before = len(self._waiting)
        self._waiting.put_back(envelope)
        self._note_waiting()
        if len(self._waiting) > before + 1:
            self.spread()

    def _elsewhere(self, envelope: Envelope) -> None:
        """Let another connection take it: its own waits for the answer to another message."""
        self._waiting.put_back(envelope)
        self._note_waiting()
        self.spread()

    def _report_unsent(self, envelope: Envelope, error: SessionError | None) -> None:
        if error is None:
            self._report(Result(envelope.key, Outcome.HELD_BACK, Phase.BODY, text=HELD_BACK))
        else:
            self._report(Result(envelope.key, Outcome.NOT_SENT, error.phase, error.reply, error.text))

    def _report(self, result: Result) -> None:
        before = len(self._waiting)
        self._waiting.done(result)
        if len(self._waiting) > before:
            self.spread()
        self._on_result(result)


def _without_what_was_said_to_others(error: SessionError | None) -> SessionError | None:
    """Why messages that never got a connection were not sent; a reply to another message is no reason."""
    if not isinstance(error, Lost) or error.phase not in _OF_ONE_MESSAGE:
        return error
    return Lost(Phase.CONNECT, error.text)


_OF_ONE_MESSAGE = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.END)
