"""The wire of a lane: connections that stay open, and what waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from campaigns.delivery.ledger.outcomes import Strain, Verdict
from campaigns.delivery.wire.fair_order import FairOrder
from campaigns.mail.connection import Connection
from campaigns.mail.smtp import Envelope, Pool, Result, Server
from campaigns.mail.traits import Observation


class Mails(Protocol):
    """What the wire asks and tells of the mails that it carries, by their keys."""

    def group_of(self, key: int) -> str:
        """Its receiver."""

    def may_take(self, key: int) -> bool:
        """Whether its first byte may leave; False holds all back."""

    def may_finish(self, key: int) -> bool:
        """Whether its end may be handed over."""

    def answer(self, result: Result, *, is_late: bool) -> Verdict:
        """What became of it, before any further byte leaves on its connection."""

    def put_off(self, key: int, turn_s: float | None) -> None:
        """It is not sent now: its turn comes in so many seconds; None: its receiver answers nothing."""

    def give_back(self, keys: Iterable[int]) -> None:
        """They are not sent now."""


class Wire:
    """Busy from the first mail given to it until each that it was given is answered or held back."""

    def __init__(
        self,
        server: Server,
        mails: Mails,
        *,
        slow_s: float,
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[..., Connection] = Connection,
    ) -> None:
        self._mails = mails
        self._order = FairOrder(group_of=mails.group_of, on_skip=mails.put_off, slow_s=slow_s, clock=clock)
        self._pool = Pool(
            server,
            waiting=self._order,
            on_result=self._answer,
            may_take=mails.may_take,
            may_finish=mails.may_finish,
            connect=connect,
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What ends when it is not busy any more; None when it is not."""
        return self._task

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    @property
    def most_connections(self) -> int:
        """Of the server, whatever other lanes leave of them."""
        return self._pool.server.connections

    @property
    def hangs(self) -> bool:
        """Whether the last time nobody was at the other end: no refusal, no word."""
        return self._pool.hangs

    @property
    def observations(self) -> list[Observation]:
        """What the server has shown that it can't do."""
        return self._pool.experience.observations

    @property
    def is_held_up(self) -> bool:
        """Whether a connection waits for an answer that takes too long; others could be used meanwhile."""
        return self._order.is_held_up

    @property
    def open_connections(self) -> int:
        return self._pool.open_connections

    def use(self, connections: int) -> None:
        """So many connections from now on; if they are more, at once."""
        is_more = connections > self._pool.connections
        self._pool.connections = connections
        if is_more and self._task:
            self._pool.spread()

    async def close_down_to(self, connections: int) -> None:
        """So many connections from now on; those that rest are closed at once."""
        await self._pool.close_down_to(connections)

    def open_within(self, seconds: float) -> None:
        """A connection that does not let us in until then is given up."""
        self._pool.open_until(asyncio.get_running_loop().time() + seconds)

    @property
    def longest_answer_s(self) -> float:
        """So long the fate of a mail that was handed over is waited for."""
        return self._pool.server.timeouts.end

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Give it more mails; returns before they are sent."""
        if self._task is None or not self._pool.add(envelopes):
            await self.end()  # it was about to
            self._task = asyncio.create_task(self._pool.send(envelopes))

    async def drained(self, patience_s: float) -> bool:
        """Whether each mail has a connection, at the latest after so many seconds."""
        drained = asyncio.ensure_future(self._pool.drained())
        done, _waiting = await asyncio.wait({drained}, timeout=patience_s)
        drained.cancel()
        return bool(done)

    async def come_to_rest(self, patience_s: float, *, is_last: bool) -> None:
        """Wait so many seconds for it to end: nothing more is given to it for now.

        `is_last`: no time any more for slow receivers, nor for a server that is silent in the midst of a mail.
        """
        if is_last:
            self._mails.give_back(envelope.key for envelope in self._order.left_aside())
            self._pool.give_up_silent(self._pool.server.timeouts.connect)
        else:
            self._order.finish()
            self._pool.spread()
        if self._task:
            await asyncio.wait({self._task}, timeout=patience_s)

    async def has_ended(self) -> bool:
        """Whether it was busy and is not any more. Raises what went wrong."""
        if self._task is None or not self._task.done():
            return False
        task, self._task = self._task, None
        await task
        return True

    async def end(self, *, within_s: float | None = None) -> None:
        """Return when what is on it has come to its end; after so many seconds it is broken off."""
        if self._task is None:
            return
        done, _waiting = await asyncio.wait({self._task}, timeout=within_s)
        if not done:
            self._pool.abort()
        await self._task

    def stop(self) -> None:
        """Nothing more goes out, and no connection is opened any more; what is on it comes to its end."""
        self._pool.hold_back()
        self._pool.stop_opening()

    def hold_back(self, keys: Collection[int]) -> None:
        """These do not go out."""
        self._pool.hold_back(keys)

    async def close(self) -> None:
        """Say goodbye on every connection."""
        await self._pool.close()

    def _answer(self, result: Result) -> None:
        verdict = self._mails.answer(result, is_late=result.key in self._order.late)
        if verdict.strain is Strain.MUCH:
            self._order.leave_out(verdict.group)
