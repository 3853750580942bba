"""The wire of a lane: open connections, and the messages that wait for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from campaigns.delivery.ledger.outcomes import Strain, Verdict
from campaigns.delivery.wire.fair_order import FairOrder
from campaigns.mail.connection import Connection
from campaigns.mail.smtp import Envelope, Pool, Result, Server
from campaigns.mail.traits import Observation


class Mails(Protocol):
    """What the wire asks and reports about messages, by key. Implemented by `sender.in_hand.InHand`."""

    def group_of(self, key: int) -> str:
        """The message's receiver."""

    def may_take(self, key: int) -> bool:
        """Whether its first byte may leave; False holds all messages back."""

    def may_finish(self, key: int) -> bool:
        """Whether its end may be handed over."""

    def answer(self, result: Result, *, is_late: bool) -> Verdict:
        """Report the result, before any further byte leaves on its connection."""

    def put_off(self, key: int, turn_s: float | None) -> None:
        """It is not sent now, but in `turn_s` seconds; None: its receiver answers nothing."""

    def give_back(self, keys: Iterable[int]) -> None:
        """They are not sent now."""


class Wire:
    """Busy from the first message given to it until each is answered or held back."""

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
        """The task that ends when the wire is not busy any more; None when it is not busy."""
        return self._task

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    @property
    def most_connections(self) -> int:
        """The server's number of connections, including those of other lanes."""
        return self._pool.server.connections

    @property
    def hangs(self) -> bool:
        """Whether the last connection attempt got no reaction at all: neither refused nor answered."""
        return self._pool.hangs

    @property
    def observations(self) -> list[Observation]:
        """What the server has turned out not to support."""
        return self._pool.experience.observations

    @property
    def is_held_up(self) -> bool:
        """Whether an answer takes too long while other connections could be used."""
        return self._order.is_held_up

    @property
    def open_connections(self) -> int:
        return self._pool.open_connections

    def use(self, connections: int) -> None:
        """Use up to that many connections from now on; additional ones at once."""
        is_more = connections > self._pool.connections
        self._pool.connections = connections
        if is_more and self._task:
            self._pool.spread()

    async def close_down_to(self, connections: int) -> None:
        """Use up to that many connections from now on; idle ones above that are closed at once."""
        await self._pool.close_down_to(connections)

    def open_within(self, seconds: float) -> None:
        """Give up a connection that does not accept us within that many seconds."""
        self._pool.open_until(asyncio.get_running_loop().time() + seconds)

    @property
    def longest_answer_s(self) -> float:
        """Seconds for which the answer to a complete message is awaited."""
        return self._pool.server.timeouts.end

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Add messages; returns before they are sent."""
        if self._task is None or not self._pool.add(envelopes):
            await self.end()  # it was about to end
            self._task = asyncio.create_task(self._pool.send(envelopes))

    async def drained(self, patience_s: float) -> bool:
        """Wait up to `patience_s` seconds; whether every message has a connection."""
        drained = asyncio.ensure_future(self._pool.drained())
        done, _waiting = await asyncio.wait({drained}, timeout=patience_s)
        drained.cancel()
        return bool(done)

    async def come_to_rest(self, patience_s: float, *, is_last: bool) -> None:
        """Wait up to `patience_s` seconds for the wire to become idle, when it gets no more messages for now.

        `is_last`: do not wait for slow receivers, nor for a server that falls silent in the middle of a
        message.
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
        """Whether the wire was busy and has ended. Raises the error that ended it."""
        if self._task is None or not self._task.done():
            return False
        task, self._task = self._task, None
        await task
        return True

    async def end(self, *, within_s: float | None = None) -> None:
        """Wait until all messages on it are answered; after `within_s` seconds connections are aborted."""
        if self._task is None:
            return
        done, _waiting = await asyncio.wait({self._task}, timeout=within_s)
        if not done:
            self._pool.abort()
        await self._task

    def stop(self) -> None:
        """Send no more messages and open no more connections; messages on the wire are finished."""
        self._pool.hold_back()
        self._pool.stop_opening()

    def hold_back(self, keys: Collection[int]) -> None:
        """Do not send these messages."""
        self._pool.hold_back(keys)

    async def close(self, *, within_s: float | None = None) -> None:
        """Send QUIT and close every connection; after `within_s` seconds without waiting for answers."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pool.close(), within_s)

    def _answer(self, result: Result) -> None:
        verdict = self._mails.answer(result, is_late=result.key in self._order.late)
        if verdict.strain is Strain.MUCH:
            self._order.leave_out(verdict.group)
