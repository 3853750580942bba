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
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.ledger.batches import Fenced
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.sender.composer import Content
from campaigns.delivery.sender.gate import Gate
from campaigns.delivery.sender.in_hand import InHand
from campaigns.delivery.sender.lease import Lease
from campaigns.delivery.sender.machine import Machine
from campaigns.delivery.sender.stop_rules import StopRules
from campaigns.delivery.sender.store import Copy, Store, Turn
from campaigns.delivery.sender.timing import End, Timing
from campaigns.delivery.sender.window_size import WINDOW_S, WindowSize
from campaigns.delivery.stored_text import said
from campaigns.delivery.wire.connections import Wire
from campaigns.mail.smtp import Envelope
from campaigns.mail.traits import Observation

log = logging.getLogger(__name__)

T = TypeVar("T")
COMPOSED_AT_ONCE = 16  # then the connections get their turn


class Lane:
    """`run` returns why it ended; `rules` then say what the server thought. `on_turn` gets what a turn recorded."""

    def __init__(
        self,
        store: Store,
        content: Content,
        wire: Wire,
        in_hand: InHand,
        gate: Gate,
        rules: StopRules,
        lease: Lease,
        *,
        timing: Timing,
        machine: Machine,
        now: Callable[[], datetime],
        on_turn: Callable[[list[Verdict]], None],
    ) -> None:
        self.rules = rules
        self._store = store
        self._content = content
        self._wire = wire
        self._in_hand = in_hand
        self._gate = gate
        self._lease = lease
        self._timing = timing
        self._machine = machine
        self._now = now
        self._on_turn = on_turn
        self._window_size = WindowSize(timing.window, machine)

    def run(self) -> End:
        """Send until the time is over, nothing is left, or something speaks against it."""
        with asyncio.Runner(loop_factory=self._machine.new_loop) as runner:
            return runner.run(self._run())

    @property
    def is_empty_handed(self) -> bool:
        """Whether it holds no batch and no mail: nobody has to settle anything after it."""
        return self._store.is_empty_handed and self._in_hand.is_empty

    @property
    def observations(self) -> list[Observation]:
        """What the server has shown meanwhile that it can't do."""
        return self._wire.observations

    @property
    def sent(self) -> int:
        """How many mails were accepted."""
        return self._in_hand.sent

    @property
    def per_minute(self) -> float:
        """How many mails were accepted in a minute, over all of its time."""
        return 60 * self.sent / max(0.01, self._gate.age_s)

    async def _run(self) -> End:
        with self._machine.threads() as self._threads:
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
                await self._wire.close()
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
            self._lease.is_lost = True  # before the wire is waited for: nothing on it may be ended
            raise
        finally:
            self._hold()
            await self._wire.end()

    async def _leave(self) -> int:
        """How many mails may be claimed now."""
        if self.rules.trial or self.rules.room:
            await self._wire.end()  # one mail, or some, at a time, until one is accepted
        return await self._gate.leave_for(self._size(), self._in_thread, self._wire.task)

    def _size(self) -> int:
        if self.rules.trial:
            return 1
        if self.rules.room:
            return self.rules.room
        if self.rules.silent:
            return self._wire.most_connections
        return self._window_size.next(self._wire.most_connections)

    async def _feed(self, envelopes: list[Envelope], end: End | None) -> End | None:
        """Hand a window to the wire, as soon as it has taken the one before; a reason not to."""
        if envelopes and end is None:
            while not await self._wire.drained(WINDOW_S):
                await self._share()  # what other lanes have left it may use meanwhile
            end = await self._look_back() or self._reason_to_end()
        if end is not None:
            if end in _AT_ONCE:
                self._hold()
            self._in_hand.give_back(envelope.key for envelope in envelopes)
        elif envelopes:
            await self._share()
            self._window_size.measure(self._in_hand.answers)
            self._in_hand.is_held = False
            await self._wire.send(envelopes)
        return end

    async def _is_at_rest(self, end: End | None) -> bool:
        """Whether nothing is on the wire and everything is recorded. Waits a little for answers."""
        if self._wire.is_busy:
            await self._wire.come_to_rest(WINDOW_S, is_last=end is not None)
            return False
        self._in_hand.give_all_back()
        if self._in_hand.is_news:
            return False
        if not self._store.is_empty_handed:
            await self._turn(0)
        return True

    def _hold(self) -> None:
        """Nothing more goes to the wire; what is on it comes to its end."""
        self._in_hand.is_held = True
        self._wire.hold_back()

    def _reason_to_end(self) -> End | None:
        if self._lease.is_lost:
            raise Fenced("by the lease's timer")
        if self.rules.stop:
            return End.STOPPED
        return self._gate.reason_to_end(self._now(), is_held_up=self._wire.is_held_up)

    async def _look_back(self) -> End | None:
        """Between two windows: is the server there at all?"""
        await self._wire.has_ended()
        if self.rules.end_window(self._machine.boot_s(), hangs=self._wire.hangs):
            return End.UNREACHABLE
        if self.rules.silent:
            await asyncio.sleep(self._timing.breath_s)
        return None

    # -- the database, in a thread, while the wire is busy

    async def _turn(self, size: int) -> list[Copy] | None:
        """Record what is answered and get the next window; None when the campaign does not run any more."""
        verdicts, withdrawn = self._in_hand.news()
        started = self._machine.boot_s()

        def work() -> Turn:
            self._in_hand.sync()
            turn = self._store.turn(
                verdicts,
                withdrawn=withdrawn,
                size=size,
                now=self._now(),
                may_retry=lambda: self._lease.holds,
            )
            self._on_turn(verdicts)
            return turn

        turn = await self._in_thread(work)
        self._in_hand.recorded(verdicts, withdrawn)
        self._in_hand.mark(turn.copies)
        self._lease.renewed(started)
        self._gate.keep_to(turn.sending_hours, self._now())
        return turn.copies if turn.is_running else None

    async def _keep_leases(self) -> None:
        """Renew by the clock and not by progress: a slow server must not cost us the batch."""
        while True:
            await asyncio.sleep(self._gate.renew_every_s)
            started = self._machine.boot_s()
            try:
                is_renewed = await self._in_thread(self._store.renew)
                await self._in_thread(self._gate.renew)
            except Fenced:
                self._lease.is_lost = True
                return
            except SQLAlchemyError as error:
                # The lease's end stays where it is and ends the lane in time.
                log.warning("A lease could not be renewed: %s", error)
                continue
            if is_renewed:
                self._lease.renewed(started)

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
        name = self._content.envelope_id(copy.facts.delivery_id)
        self._window_size.saw_mail(len(message))
        return Envelope(copy.facts.delivery_id, self._content.mail_from, copy.email, message, name)


__all__ = ["End", "Lane", "Timing"]

_AT_ONCE = {End.STOPPED, End.CLOSED, End.UNREACHABLE}  # what waits for a connection stays here
