"""A lane: for some seconds one worker sends window after window of one campaign over open connections.

While window n is on the wire, window n + 1 is marked in the database and composed; its messages are sent as
connections become free, so that one slow answer delays no other. Every answer is in the ack journal before
further bytes leave on its connection, and in the ledger one turn later.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.ledger.batches import Fenced
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.sender.composer import Content
from campaigns.delivery.sender.gate import Gate
from campaigns.delivery.sender.in_hand import InHand
from campaigns.delivery.sender.store import Copy, Store, Turn
from campaigns.delivery.sender.timing import End, Terms, Timing
from campaigns.delivery.sender.window_size import WINDOW_S, WindowSize
from campaigns.delivery.stored_text import said
from campaigns.delivery.wire.connections import Wire
from campaigns.mail.smtp import Envelope
from campaigns.mail.traits import Observation

log = logging.getLogger(__name__)

T = TypeVar("T")
WATCHED_EVERY_S = 0.7  # at least, while messages wait that might have to be held back
LOOKS_EVERY_S = 0.1  # whether the campaign still runs and the process may stay
GOODBYE_S = 0.3  # for the answers to QUIT when the process has to end
LAST_WAIT_S = 5.0  # for answers that no longer matter or are long overdue
COMPOSED_AT_ONCE = 16  # then the connections are served


class Lane:
    """Call `run`; it returns why the lane ended, and `rules` then say why the server or content stopped it.
    `on_turn` gets each turn's verdicts.
    """

    def __init__(
        self,
        store: Store,
        content: Content,
        wire: Wire,
        in_hand: InHand,
        gate: Gate,
        terms: Terms,
        *,
        on_turn: Callable[[list[Verdict]], None],
    ) -> None:
        self.rules = in_hand.rules
        self._store = store
        self._content = content
        self._wire = wire
        self._in_hand = in_hand
        self._gate = gate
        self._lease = in_hand.lease
        self._timing = terms.timing
        self._machine = terms.machine
        self._now = terms.now
        self._on_turn = on_turn
        self._window_size = WindowSize(terms)
        self._is_stopped = False  # the campaign is not running any more
        self._turned_s = terms.machine.boot_s()  # when the last turn ended
        self._turns = asyncio.Lock()
        self._has_ended = asyncio.Event()

    def run(self) -> End:
        """Send until the time is over, nothing is left, or something stops the lane."""
        with asyncio.Runner(loop_factory=self._machine.new_loop) as runner:
            return runner.run(self._run())

    @property
    def is_empty_handed(self) -> bool:
        """Whether the lane holds no batch and no message, so that nothing has to be settled after it."""
        return self._store.is_empty_handed and self._in_hand.is_empty

    @property
    def observations(self) -> list[Observation]:
        """What the server has turned out not to support."""
        return self._wire.observations

    @property
    def sent(self) -> int:
        """Number of accepted messages."""
        return self._in_hand.sent

    @property
    def per_minute(self) -> float:
        """Accepted messages a minute, over the lane's whole time."""
        return 60 * self.sent / max(0.01, self._gate.age_s)

    async def _run(self) -> End:
        with self._machine.threads() as self._threads:
            self._wire.open_within(self._timing.budget_s)
            self._watch = asyncio.create_task(self._keep_watch())
            try:
                return await self._windows()
            except Fenced as error:
                log.warning("A lane lost its batch: %s", error)
                return End.FENCED
            finally:
                self._has_ended.set()
                await asyncio.wait({self._watch})
                self._watch.exception()  # already reported, or irrelevant by now
                await self._wire.close(within_s=GOODBYE_S if self._gate.must_leave else None)
                await self._in_thread(self._store.disconnect)

    async def _windows(self) -> End:
        end: End | None = None
        try:
            while True:
                was_there = await self._look_back()
                end = self._last(end) or was_there or self._reason_to_end()
                size = await self._leave() if end is None else 0
                end = end or (None if size else End.LIMITED)
                copies = await self._turn(size)
                self._gate.settle(used=0, unused=size - len(copies))
                envelopes = await self._compose(copies)
                end = await self._feed(envelopes, end)
                if envelopes and end is None:
                    continue
                if await self._is_at_rest(end):
                    return end or End.NOTHING
        finally:
            self._hold()
            await self._wire.end(within_s=self._longest_wait_s)

    async def _leave(self) -> int:
        """How many messages may be claimed now."""
        if self.rules.trial or self.rules.room is not None:
            await self._wire.end()  # one message, or a few, at a time, until one is accepted
        return await self._gate.leave_for(self._size(), self._in_thread, self._wire.task)

    def _size(self) -> int:
        if self.rules.trial:
            return 1
        if self.rules.room is not None:
            return max(1, self.rules.room)  # by the time these are sent, the answers are recorded
        if self.rules.silent:
            return self._wire.most_connections
        return self._window_size.next(self._wire.most_connections)

    async def _feed(self, envelopes: list[Envelope], end: End | None) -> End | None:
        """Hand a window to the wire once the one before is taken; returns the reason if it is not sent."""
        if envelopes and end is None:
            while not await self._wire.drained(WINDOW_S) and not self._reason_to_end():
                await self._share()  # meanwhile use connections that other lanes have released
        if envelopes:
            end = end or await self._look_back() or self._reason_to_end()
        if end in _AT_ONCE:
            self._hold()
        if end is None and envelopes:
            await self._share()
            self._window_size.measure(self._in_hand.answers)
            await self._wire.send(envelopes)
        else:
            self._in_hand.give_back(envelope.key for envelope in envelopes)
        return end

    async def _is_at_rest(self, end: End | None) -> bool:
        """Whether nothing is on the wire and everything is recorded. May wait for a window's time."""
        if self._wire.is_busy:
            await self._wire.come_to_rest(WINDOW_S, is_last=end is not None)
            if self._gate.age_s > self._timing.limit_s + self._wire.longest_answer_s:
                await self._wire.end(within_s=LAST_WAIT_S)
            return False
        self._in_hand.give_all_back()
        if self._in_hand.is_news:
            return False
        if not self._store.is_empty_handed:
            await self._turn(0)
        return True

    def _hold(self) -> None:
        """Nothing more goes to the wire; messages on it are finished."""
        self._in_hand.is_held = True
        self._wire.stop()

    @property
    def _longest_wait_s(self) -> float:
        """Seconds to wait for messages on the wire; more would only block the worker."""
        if self._lease.is_lost:
            return LAST_WAIT_S  # the outcome cannot be recorded any more
        return max(LAST_WAIT_S, self._timing.limit_s + self._wire.longest_answer_s - self._gate.age_s)

    def _stop(self) -> None:
        """Like `_hold`; messages whose end is not handed over yet are not finished either."""
        self._is_stopped = self._in_hand.is_stopped = True
        self._hold()

    def _leave_at_once(self) -> None:
        """The process has to end: only messages that were handed over completely are waited for."""
        self._in_hand.is_stopped = True
        self._hold()

    def _reason_to_end(self) -> End | None:
        if self._watch.done():
            self._watch.result()
        if self._is_stopped or self.rules.stop:
            return End.STOPPED
        return self._gate.reason_to_end(self._now(), is_held_up=self._wire.is_held_up)

    def _last(self, end: End | None) -> End | None:
        """The reason found; None if only the time was over and meanwhile an answer is slow."""
        return None if end is End.MORE and self._wire.is_held_up else end

    async def _look_back(self) -> End | None:
        """Between two windows: a reason to end if the server does not answer."""
        await self._wire.has_ended()
        if self.rules.end_window(self._machine.boot_s(), hangs=self._wire.hangs):
            return End.UNREACHABLE
        if self.rules.silent:
            await asyncio.sleep(self._timing.breath_s)
        return None

    # -- the database, in a thread, while the wire is busy

    async def _turn(self, size: int, *, ends: bool = True) -> list[Copy]:
        """Record answers, check waiting messages, mark the next window: empty when the lane must stop."""
        async with self._turns:
            verdicts, withdrawn = self._in_hand.news()
            to_check = self._in_hand.to_check()
            started = self._machine.boot_s()

            def work() -> Turn:
                self._in_hand.sync()
                turn = self._store.turn(
                    verdicts,
                    withdrawn=withdrawn,
                    to_check=to_check,
                    size=size,
                    ends=ends,
                    now=self._now(),
                    may_retry=lambda: self._lease.holds,
                )
                self._on_turn(verdicts)
                return turn

            try:
                turn = await self._in_thread(work)
            except Fenced:
                self._lease.is_lost = True  # first of all: no message on the wire may be finished
                raise
            self._turned_s = self._machine.boot_s()
            self._in_hand.recorded(verdicts, withdrawn)
            self._in_hand.checked(to_check, turn.refused)
            self._in_hand.mark(turn.copies)
            self._lease.renewed(started)
        self._gate.keep_to(turn.sending_hours, self._now())
        if turn.refused:
            self._wire.hold_back(turn.refused)
        if not turn.is_running:
            self._stop()
        return turn.copies

    async def _keep_watch(self) -> None:
        """On a timer, however slow the server is: renews the leases and checks, so that a pause, a
        cancellation, an unsubscribe or the end of the lane's time holds for messages that wait for a
        connection.
        """
        renewed_s = self._machine.boot_s()
        try:
            while not await self._ends_within(LOOKS_EVERY_S):
                if self._gate.must_leave:
                    self._leave_at_once()
                elif self._in_hand.is_held or self._gate.must_end(self._now()):
                    self._hold()
                await self._look_at_campaign()
                now_s = self._machine.boot_s()
                if now_s - renewed_s > self._gate.renew_every_s:
                    await self._keeping(self._in_thread(self._gate.renew))
                    renewed_s = now_s
                if self._turns.locked():
                    continue
                is_busy = self._in_hand.waits or self._in_hand.is_news
                turned_s = now_s - self._turned_s
                if turned_s > (WATCHED_EVERY_S if is_busy else self._gate.renew_every_s):
                    await self._keeping(self._turn(0, ends=False))
        except BaseException:
            self._hold()
            raise

    async def _look_at_campaign(self) -> None:
        """A pause must not wait for a turn, which may wait for a lock or for a window to be sent."""
        if self._is_stopped:
            return
        try:
            is_running = await self._in_thread(self._store.is_running)
        except SQLAlchemyError:
            return  # the turns report it
        if not is_running:
            self._stop()

    async def _ends_within(self, seconds: float) -> bool:
        """Wait up to `seconds` for the lane's end; whether it has ended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._has_ended.wait(), seconds)
        return self._has_ended.is_set()

    async def _keeping(self, work: Awaitable[Any]) -> None:
        """Await work that is repeated soon: if it fails, it is logged, and the lease is not extended."""
        try:
            await work
        except SQLAlchemyError as error:
            log.warning("A lane could not keep what it holds: %s", error)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, work)

    async def _share(self) -> None:
        """Use as many connections as other lanes leave."""
        wire = self._wire
        wire.use(
            await self._gate.connections(self._in_thread, wire.close_down_to, lambda: wire.open_connections)
        )
        self.rules.evidence.lanes = self._gate.lanes

    # -- composing

    async def _compose(self, copies: list[Copy]) -> list[Envelope]:
        envelopes: list[Envelope] = []
        for first in range(0, len(copies), COMPOSED_AT_ONCE):
            some = copies[first : first + COMPOSED_AT_ONCE]
            for copy, made in zip(some, self._content.compose(some), strict=True):
                if isinstance(made, bytes):
                    envelopes.append(self._envelope(copy, made))
                else:
                    error = said(made, language=self._content.language)
                    self._in_hand.unmade(copy.facts.delivery_id, error)
            await asyncio.sleep(0)
        return envelopes

    def _envelope(self, copy: Copy, message: bytes) -> Envelope:
        mail_from, name = self._content.ways_back(copy.facts.delivery_id)
        self._window_size.saw_mail(len(message))
        return Envelope(copy.facts.delivery_id, mail_from, copy.email, message, name)


__all__ = ["End", "Lane", "Timing"]

_AT_ONCE = {End.STOPPED, End.CLOSED, End.UNREACHABLE}  # messages that wait for a connection are not sent
