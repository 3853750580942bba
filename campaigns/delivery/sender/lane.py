"""A lane: for some seconds one worker sends window after window of one campaign over open connections.

While window n is on the wire, window n + 1 is marked in the database and composed; its mails go out as
connections come free, so that one slow answer holds up nobody else. Every answer is in the ack journal
before further bytes go out on its connection, and in the ledger one turn later.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import queue
from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.batches import Fenced
from campaigns.delivery.ledger.outcomes import Policy, Strain, Verdict
from campaigns.delivery.models import State
from campaigns.delivery.sender.ack_journal import Journal, Mark
from campaigns.delivery.sender.composer import Content
from campaigns.delivery.sender.gate import Gate
from campaigns.delivery.sender.pool import LanePool
from campaigns.delivery.sender.stop_rules import StopRules
from campaigns.delivery.sender.store import Copy, Store
from campaigns.delivery.sender.timing import End, Timing, boot_seconds
from campaigns.delivery.stored_text import said
from campaigns.mail.smtp import Envelope, Outcome, Result, Server

log = logging.getLogger(__name__)

T = TypeVar("T")
FIRST_WINDOW = 50
WINDOW_BYTES = 6 << 20  # two windows of mails are in memory at a time, however large the mails
WINDOW_S = 0.4  # what a window should last: a pause takes effect within two of them
SKIPPED_FOR_S, SKIPPED_AT_MOST_S = 60.0, 3600.0
COMPOSED_AT_ONCE = 16  # then the connections get their turn


class Lane:
    """`run` returns why it ended; `watch` then says what the server thought."""

    def __init__(
        self,
        store: Store,
        content: Content,
        server: Server,
        journal: Journal,
        *,
        timing: Timing,
        gate: Gate,
        policy: Policy,
        watch: StopRules,
        clock: Callable[[], datetime],
        should_yield: Callable[[], bool],
        on_turn: Callable[[list[Verdict]], None],
    ) -> None:
        self.watch = watch
        self.sent = 0
        self._store = store
        self._content = content
        self._server = server
        self._journal = journal
        self._timing = timing
        self._gate = gate
        self._policy = policy
        self._clock = clock
        self._should_yield = should_yield
        self._on_turn = on_turn
        self._started = boot_seconds()
        self._deadline = self._started + timing.lease_s - timing.slack_s
        self._is_fenced = False
        self._open: dict[int, Copy] = {}  # on the wire, no answer yet
        self._is_held = False  # nothing more goes to the wire; what is on it comes to its end
        self._given: dict[int, Envelope] = {}  # to the pool, and no connection has taken them yet
        self._waiting = 0  # for an answer, on the wire
        self._answered: list[Verdict] = []
        self._withdrawn: set[int] = set()  # deliveries whose recorded verdicts are taken back
        self._wire: asyncio.Task[None] | None = None
        self._per_s = 0.0
        self._bytes_each = 1  # of the largest mail so far
        self._measured = time.perf_counter()
        self._answers = 0  # since then

    def run(self) -> End:
        """Send until the time is over, nothing is left, or something speaks against it."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(self._run())

    @property
    def is_empty_handed(self) -> bool:
        return self._store.is_empty_handed

    @property
    def per_minute(self) -> float:
        """How many mails were accepted in a minute, over all of its time."""
        return 60 * self.sent / max(0.01, boot_seconds() - self._started)

    def may_finish(self) -> bool:
        """Whether a mail may still be ended: the lease holds for long enough (also after a freeze)."""
        return not self._is_fenced and boot_seconds() < self._deadline

    async def _run(self) -> End:
        with ThreadPoolExecutor(2, thread_name_prefix="lane") as self._threads:
            self._pool = LanePool(
                self._server,
                on_take=self._take,
                on_skip=self._skip,
                on_result=self._result,
                may_finish=self.may_finish,
                group_of=lambda key: self._open[key].facts.group,
                slow_s=self._timing.slow_s,
            )
            timer = asyncio.create_task(self._keep_leases())
            try:
                return await self._windows()
            except Fenced as error:
                log.warning("A lane lost its batch: %s", error)
                return End.FENCED
            finally:
                timer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await timer
                await self._pool.close()
                await self._in_thread(self._store.disconnect)

    async def _windows(self) -> End:
        end: End | None = None
        try:
            while True:
                was_there = await self._look_back()
                end = end or was_there or self._reason_to_end()
                size = await self._leave() if end is None else 0
                end = end or (None if size else End.LIMITED)
                copies = await self._turn(size)
                if copies is None:
                    end, copies = end or End.STOPPED, []
                self._gate.settle(used=0, unused=size - len(copies))
                envelopes = await self._compose(copies)
                end = await self._feed(envelopes, end)
                if envelopes and end is None:
                    continue
                if await self._is_at_rest(end):
                    return end or End.NOTHING
        except Fenced:
            self._is_fenced = True  # before the wire is waited for: nothing on it may be ended
            raise
        finally:
            if self._wire:
                self._is_held = True
                await self._wire

    async def _leave(self) -> int:
        """How many mails may be claimed now."""
        if (self.watch.trial or self.watch.room) and self._wire:
            await self._wire  # one mail, or some, at a time, until one is accepted
        return await self._gate.leave_for(self._size(), self._in_thread, self._wire)

    async def _feed(self, envelopes: list[Envelope], end: End | None) -> End | None:
        """Hand a window to the wire, as soon as it has taken the one before; a reason not to."""
        if envelopes and end is None:
            await self._drained()
            end = await self._look_back() or self._reason_to_end()
        if end is not None:
            self._is_held = self._is_held or end in _AT_ONCE
            self._give_back(envelopes)
        elif envelopes:
            await self._send(envelopes)
        return end

    async def _drained(self) -> None:
        """Wait until the wire has taken everything; what other lanes have left it may use meanwhile."""
        drained = asyncio.create_task(self._pool.drained())
        while not (await asyncio.wait({drained}, timeout=WINDOW_S))[0]:
            before = self._pool.connections
            await self._share()
            if self._pool.connections > before:
                self._pool.spread()

    async def _is_at_rest(self, end: End | None) -> bool:
        """Whether nothing is on the wire and everything is recorded. Waits a little for answers."""
        if self._wire and end is None:
            self._pool.finish()
        if self._wire:
            self._give_back(self._pool.left_aside() if end else [])
            await asyncio.wait({self._wire}, timeout=WINDOW_S)
            return False
        if self._answered or self._withdrawn:
            return False
        if not self._store.is_empty_handed:
            await self._turn(0)
        return True

    def _reason_to_end(self) -> End | None:
        if self._is_fenced:
            raise Fenced("by the lease's timer")
        if self.watch.stop:
            return End.STOPPED
        is_over = boot_seconds() - self._started > self._timing.budget_s or self._should_yield()
        # With one answer to wait for, the worker is better used than idle.
        if is_over and (queue.leaving.is_set() or not self._pool.is_held_up):
            return End.MORE
        return self._gate.reason_to_end(self._clock())

    async def _look_back(self) -> End | None:
        """Between two windows: is the server there at all?"""
        if self._wire and self._wire.done():
            wire, self._wire = self._wire, None
            await wire
            self._give_back([self._given.pop(key) for key in list(self._given)])  # what was held back
        if self.watch.end_window(boot_seconds(), hangs=self._pool.hangs):
            return End.UNREACHABLE
        if self.watch.silent:
            await asyncio.sleep(self._timing.breath_s)
        return None

    # -- the database, in a thread, while the wire is busy

    async def _turn(self, size: int) -> list[Copy] | None:
        """Record what is answered and get the next window; None when the campaign does not run any more."""
        verdicts, self._answered = self._answered, []
        withdrawn, self._withdrawn = self._withdrawn, set()
        started = boot_seconds()

        def work() -> Any:
            self._journal.sync()
            turn = self._store.turn(
                verdicts, withdrawn=withdrawn, size=size, now=self._clock(), may_retry=self.may_finish
            )
            self._on_turn(verdicts)
            return turn

        turn = await self._in_thread(work)
        self._journal.forget(verdict.delivery_id for verdict in verdicts)
        self._deadline = started + self._timing.lease_s - self._timing.slack_s
        self._gate.keep_to(turn.sending_hours, self._clock())
        return turn.copies if turn.is_running else None

    async def _keep_leases(self) -> None:
        """Renew by the clock and not by progress: a slow server must not cost us the batch."""
        while True:
            await asyncio.sleep(self._gate.renew_every_s)
            started = boot_seconds()
            try:
                await self._in_thread(self._store.renew)
                await self._in_thread(self._gate.renew)
            except Fenced:
                self._is_fenced = True
                return
            except SQLAlchemyError as error:
                # The deadline stays where it is and ends the lane in time.
                log.warning("A lease could not be renewed: %s", error)
                continue
            self._deadline = max(self._deadline, started + self._timing.lease_s - self._timing.slack_s)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)

    # -- composing and sending

    def _size(self) -> int:
        if self.watch.trial:
            return 1
        if self.watch.room:
            return self.watch.room
        if self.watch.silent:
            return self._server.connections
        if not self._per_s:
            return min(FIRST_WINDOW, self._timing.window)
        most = min(self._timing.window, WINDOW_BYTES // self._bytes_each)
        return max(self._server.connections * 2, min(most, int(self._per_s * WINDOW_S)))

    async def _compose(self, copies: list[Copy]) -> list[Envelope]:
        envelopes: list[Envelope] = []
        for first in range(0, len(copies), COMPOSED_AT_ONCE):
            some = copies[first : first + COMPOSED_AT_ONCE]
            self._open |= {copy.facts.delivery_id: copy for copy in some}
            for copy, made in zip(some, self._content.compose(some), strict=True):
                if isinstance(made, bytes):
                    envelopes.append(self._envelope(copy, made))
                else:
                    self._unmade(copy, made)
            await asyncio.sleep(0)
        return envelopes

    def _unmade(self, copy: Copy, error: Exception) -> None:
        self._gate.settle(used=0, unused=1)
        self._answer(outcomes.not_composed(copy.facts, said(error, language=self._content.language)))

    def _envelope(self, copy: Copy, message: bytes) -> Envelope:
        name = self._content.envelope_id(copy.facts.delivery_id)
        self._bytes_each = max(self._bytes_each, len(message))
        return Envelope(copy.facts.delivery_id, self._content.mail_from, copy.email, message, name)

    async def _send(self, envelopes: list[Envelope]) -> None:
        await self._share()
        self._measure()
        self._is_held = False
        self._given |= {envelope.key: envelope for envelope in envelopes}
        if self._wire is None or not self._pool.add(envelopes):
            if self._wire:
                await self._wire  # it was about to end
            self._wire = asyncio.create_task(self._pool.send(envelopes))

    async def _share(self) -> None:
        """Use as many connections as other lanes leave."""
        self._pool.connections = await self._gate.connections(
            self._in_thread, self._pool.close_down_to, lambda: self._pool.open_connections
        )
        self.watch.evidence.lanes = self._gate.lanes

    def _measure(self) -> None:
        """How fast it went since the last time: what decides the next window's size."""
        now = time.perf_counter()
        if self._answers:
            self._per_s = self._answers / max(1e-4, now - self._measured)
        self._measured, self._answers = now, 0

    def _give_back(self, envelopes: Iterable[Envelope]) -> None:
        """These never went to the wire."""
        for envelope in envelopes:
            if envelope.key in self._open:
                self._given.pop(envelope.key, None)
                self._gate.settle(used=0, unused=1)
                self._answer(outcomes.given_back(self._open[envelope.key].facts))

    def _skip(self, key: int, turn_s: float | None) -> None:
        """Its receiver is slow: it comes again when that one had time to answer."""
        self._given.pop(key, None)
        self._gate.settle(used=0, unused=1)
        wait = timedelta(seconds=min(SKIPPED_FOR_S + (turn_s or 0), SKIPPED_AT_MOST_S))
        until = self._clock() + wait
        self._answer(outcomes.put_off(self._open[key].facts, until=until, is_stuck=turn_s is None))

    def _take(self, key: int) -> bool:
        room = self.watch.room
        if self._is_held or not self.may_finish() or (room is not None and self._waiting >= room):
            return False
        if self._given.pop(key, None) is not None:
            self._waiting += 1
            self._gate.settle(used=1, unused=0)
        self._journal.write(key, self._open[key].facts.fence, Mark.HANDED)
        return True

    def _result(self, result: Result) -> None:
        facts = self._open[result.key].facts
        if self._given.pop(result.key, None) is None:
            self._waiting -= 1
        else:  # no connection ever took it
            self._gate.settle(used=0, unused=1)
        self._answers += 1
        if result.outcome is Outcome.NOT_SENT and not self.may_finish():
            verdict = outcomes.given_back(facts)  # our lease ended, the server did nothing wrong
        else:
            verdict = self.watch.judge(result, facts, policy=self._policy, now=self._clock())
        if verdict.strain is Strain.MUCH:
            self._pool.leave_out(facts.group)
        if result.key in self._pool.late:
            verdict = verdict._replace(strain=verdict.strain or Strain.SOME)
        mark = _MARKS.get(result.outcome)
        if mark is not None:
            self._journal.write(result.key, facts.fence, mark, verdict.code or 0)
        self._answer(verdict)

    def _answer(self, verdict: Verdict) -> None:
        copy = self._open.pop(verdict.delivery_id)
        if verdict.state is State.FAILED:
            verdict = verdict._replace(email=copy.email)
        self._answered.append(verdict)
        self.sent += verdict.state is State.SENT
        self.watch.see(verdict)
        if self.watch.stop:
            self._is_held = True
        if self.watch.withdrawn:
            self._withdrawn |= outcomes.withdraw(self._answered, self.watch.withdrawn)
            self.watch.withdrawn = set()


__all__ = ["End", "Lane", "Timing"]

_AT_ONCE = {End.STOPPED, End.CLOSED, End.UNREACHABLE}  # what waits in the pool stays here
_MARKS = {
    Outcome.ACCEPTED: Mark.ACCEPTED,
    Outcome.REFUSED: Mark.REFUSED,
    Outcome.UNSENDABLE: Mark.REFUSED,
    Outcome.NOT_SENT: Mark.NOT_SENT,
}
