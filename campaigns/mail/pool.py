"""A pool of connections to one server, kept open between calls."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence

from campaigns.mail import tls
from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Envelope, Outcome, Result, Server
from campaigns.mail.errors import Lost, SessionError, Unreachable
from campaigns.mail.protocol import Phase
from campaigns.mail.security import Security
from campaigns.mail.transaction import LATE, Deadline, Transactions

# A server that drops so many connections in a row, none of which answered a message, gets no more now.
DROPS_IN_A_ROW = 3


class Pool:
    """Sends envelopes over up to `connections` connections at once, at first as many as the server's.

    `on_result` is called as each fate is known, before any further bytes go out on that connection.
    `may_finish` is asked right before a message's end is handed over; False ends that connection.
    An error that either of them raises ends the call, with every connection in use.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_result: Callable[[Result], None],
        may_finish: Callable[[], bool] = lambda: True,
    ) -> None:
        self.server = server
        self.connections = server.connections
        self.hangs = False  # the last call found nobody at the other end: no refusal, no word
        self._on_result = on_result
        self.may_finish = may_finish
        self._idle: list[Connection] = []
        self.waiting: deque[Envelope] = deque()
        self._second: set[int] = set()
        self._trouble: SessionError | None = None
        self._has_given_up = False
        self._is_late = False
        self._stands = False  # a first connection
        self._drops = 0
        self._in_use = 0
        self._closing = 0
        self._runners = 0
        self._group: asyncio.TaskGroup | None = None
        self._is_drained = asyncio.Event()
        self._sending = asyncio.Lock()

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        """Return when each envelope has had its result; calls at the same time wait for each other.

        What `take` threw away has none.
        """
        async with self._sending:
            self.waiting, self._second = deque(envelopes), set()
            self._trouble, self._has_given_up, self._is_late, self._drops = None, False, False, 0
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
            while self.waiting:
                self._report_unsent(self.waiting.popleft(), trouble)

    def add(self, envelopes: Sequence[Envelope]) -> bool:
        """Give more to a `send` under way: no connection stands idle while another waits for an answer.

        False, and nothing is taken, when it is about to return.
        """
        if not self._runners or self._has_given_up or self._is_late:
            return False
        self.waiting.extend(envelopes)
        self.spread()
        return True

    async def drained(self) -> None:
        """Return when every envelope is on its way or done, or `send` is over."""
        if self.waiting:
            await self._is_drained.wait()

    @property
    def open_connections(self) -> int:
        """In use, at rest, or not quite closed yet."""
        return self._in_use + len(self._idle) + self._closing

    async def close(self) -> None:
        """Say goodbye on every connection."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close() for connection in idle))

    async def close_down_to(self, connections: int) -> None:
        """Use so many from now on. Those over it are closed as they come to rest: see `open_connections`."""
        self.connections = connections
        surplus = min(len(self._idle), max(0, self.open_connections - connections))
        over, self._idle = self._idle[:surplus], self._idle[surplus:]
        await asyncio.gather(*(connection.close() for connection in over))

    def take(self, connection: Connection) -> Envelope | None:
        """The next message for that connection, off `waiting`; None when it shall carry no more.

        Called before the first byte of a message leaves. Override it to choose among those that wait.
        """
        del connection
        return self.waiting.popleft() if self.waiting else None

    @functools.cached_property
    def _context(self) -> ssl.SSLContext | None:
        """One for all connections: to read the system's certificates takes longer than a handshake."""
        is_plain = self.server.security is Security.NONE
        return None if is_plain else tls.context(verify=self.server.verify)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        assert self._group is not None
        self._runners += 1
        self._group.create_task(self._counted(work))

    async def _counted(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        finally:  # at once, and not when the loop gets to it: `add` counts on who still runs
            self._runners -= 1

    def _start_more(self) -> None:
        for _number in range(min(self.connections - self._runners, len(self.waiting))):
            self._start(self._run(None))

    def spread(self) -> None:
        """Use more connections: there is more in `waiting`, or more of them are allowed, than there were."""
        if self.waiting:
            self._is_drained.clear()
        if self._stands and not self._has_given_up and not self._is_late:
            self._start_more()

    async def _first(self) -> None:
        """One connection first: only when it stands, the others are worth a try."""
        connection = await self._connection() if self.waiting else None
        if connection is None:
            return
        self._stands = True
        self._start_more()
        await self._run(connection)

    async def _run(self, connection: Connection | None) -> None:
        while self.waiting and not self._has_given_up and not self._is_late and not self._are_too_many:
            if connection is None and self._in_use >= self.connections:
                return  # ours was one too many: the others carry the rest
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
            self._again(envelope, error, is_suspect=not courier.answered)

        courier = Transactions(
            connection, lambda: self._next(connection), self._on_result, again, self.may_finish
        )
        is_sound = False
        try:
            await courier.run()
        except Lost as error:
            connection.abort()
            self._count_drop(courier, error)
        except Deadline:
            connection.abort()
            self._is_late, self._trouble = True, None
        except BaseException:
            connection.abort()
            raise
        else:
            self._drops = 0 if courier.answered else self._drops
            is_sound = True
        finally:
            self._in_use -= 1
        if is_sound:
            await self._put_back(connection)

    def _count_drop(self, courier: Transactions, error: Lost) -> None:
        self._trouble = error
        self._drops = 0 if courier.answered else self._drops + 1
        self._has_given_up = self._has_given_up or self._drops >= DROPS_IN_A_ROW

    async def _connection(self) -> Connection | None:
        """An open connection; None when there is no getting one now."""
        self._in_use += 1
        while self._idle:
            connection = self._idle.pop()
            if await connection.is_awake():
                return connection
            await connection.close() if connection.is_worn else connection.abort()
        connection = Connection(self.server, context=self._context)
        try:
            await connection.open()
        except BaseException as error:
            self._in_use -= 1
            if not isinstance(error, SessionError):
                raise
            # While others work, the server may just not want so many.
            self._trouble = error
            self._has_given_up = self._has_given_up or self._in_use == 0
            self.hangs = self._in_use == 0 and isinstance(error, Unreachable) and error.is_late
            return None
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
        if self._has_given_up or self._are_too_many:
            return None
        envelope = self.take(connection)
        if not self.waiting:
            self._is_drained.set()
        return envelope

    def _again(self, envelope: Envelope, error: Lost, *, is_suspect: bool) -> None:
        """Another connection may try it: a message that breaks connections must not break them all.

        It is suspect when the connection answered no other before it broke, and goes on only once then.
        """
        if is_suspect and envelope.key in self._second:
            self._report_unsent(envelope, error)
            return
        if is_suspect:
            self._second.add(envelope.key)
        self.waiting.appendleft(envelope)
        self._is_drained.clear()

    def _report_unsent(self, envelope: Envelope, error: SessionError | None) -> None:
        if error is None:  # only when the deadline stopped every connection
            self._on_result(Result(envelope.key, Outcome.NOT_SENT, Phase.BODY, None, LATE))
            return
        self._on_result(Result(envelope.key, Outcome.NOT_SENT, error.phase, error.reply, error.text))


def _without_what_was_said_to_others(error: SessionError | None) -> SessionError | None:
    """Why those who never got onto a connection were not sent: not by a reply to somebody else's message."""
    if not isinstance(error, Lost) or error.phase not in _OF_ONE_MESSAGE:
        return error
    return Lost(Phase.CONNECT, error.text)


_OF_ONE_MESSAGE = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.END)
