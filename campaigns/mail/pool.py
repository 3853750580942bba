"""A pool of connections to one server, kept open between calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from campaigns.mail.connection import Connection
from campaigns.mail.courier import Courier, Deadline
from campaigns.mail.envelope import Envelope, Outcome, Result, Server
from campaigns.mail.errors import Lost, SessionError
from campaigns.mail.protocol import Phase

# A server that drops this many connections in a row, each without an answer, is not worth another now.
DROPS_IN_A_ROW = 3


class Pool:
    """Sends envelopes over up to `server.connections` connections at once.

    `on_result` is called as each fate is known, before any further bytes go out on that connection.
    `may_finish` is asked right before a message's end is handed over; False ends that connection.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_result: Callable[[Result], None],
        may_finish: Callable[[], bool] = lambda: True,
    ) -> None:
        self.server = server
        self._on_result = on_result
        self._may_finish = may_finish
        self._idle: list[Connection] = []
        self._queue: deque[Envelope] = deque()
        self._second: set[int] = set()
        self._trouble: SessionError | None = None

    async def send(self, envelopes: Iterable[Envelope]) -> None:
        """Return when each envelope has had its result."""
        self._queue, self._second, self._trouble = deque(envelopes), set(), None
        runners = min(self.server.connections, len(self._queue))
        async with asyncio.TaskGroup() as group:
            for _number in range(runners):
                group.create_task(self._run())
        while self._queue:
            self._report_unsent(self._queue.popleft(), self._trouble)

    async def close(self) -> None:
        """Say goodbye on every connection."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close() for connection in idle))

    async def _run(self) -> None:
        drops = 0
        while self._queue and drops < DROPS_IN_A_ROW:
            before = len(self._queue)
            try:
                connection = await self._connection()
            except SessionError as error:
                self._trouble = error
                return
            try:
                await self._courier(connection).run()
            except Lost as error:
                self._trouble = error
                connection.abort()
                drops = drops + 1 if before - len(self._queue) <= 1 else 0
                continue
            except Deadline:
                connection.abort()
                return
            except BaseException:
                connection.abort()
                raise
            await self._put_back(connection)

    async def _connection(self) -> Connection:
        if self._idle:
            return self._idle.pop()
        connection = Connection(self.server)
        await connection.open()
        return connection

    async def _put_back(self, connection: Connection) -> None:
        if connection.is_worn:
            await connection.close()
        else:
            self._idle.append(connection)

    def _courier(self, connection: Connection) -> Courier:
        return Courier(connection, self._take, self._on_result, self._again, self._may_finish)

    def _take(self) -> Envelope | None:
        return self._queue.popleft() if self._queue else None

    def _again(self, envelope: Envelope, error: Lost) -> None:
        """Another connection may try it, once: a message that breaks connections must not break them all."""
        if envelope.key in self._second:
            self._report_unsent(envelope, error)
            return
        self._second.add(envelope.key)
        self._queue.appendleft(envelope)

    def _report_unsent(self, envelope: Envelope, error: SessionError | None) -> None:
        if error is None:  # only when the deadline stopped every connection
            self._on_result(
                Result(envelope.key, Outcome.NOT_SENT, Phase.BODY, None, "the lease was about to end")
            )
            return
        self._on_result(Result(envelope.key, Outcome.NOT_SENT, error.phase, error.reply, error.text))
