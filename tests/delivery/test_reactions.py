"""How soon a lane hears of a pause or of the end of its process: counted in steps and mails, not in seconds."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.gate import Gate
from campaigns.delivery.sender.machine import Machine
from campaigns.delivery.sender.store import Store, Turn
from campaigns.delivery.sender.timing import End, Terms, Timing
from campaigns.delivery.sender.window_size import WINDOW_S, WindowSize
from campaigns.delivery.wire.connections import Wire
from campaigns.planning.models import PauseReason
from tests.delivery.background import in_background, until
from tests.delivery.factories import fresh, id_of, make_launched, states
from tests.delivery.killed import forked
from tests.delivery.leftovers import left_behind
from tests.fakes.smtp_server import Call, SmtpServer

PATIENT = Timing(lease_s=60, budget_s=120, breath_s=0.01)
WAITING = 200  # mails that are composed and wait, whatever the server's pace


@pytest.mark.one_database
def test_a_pause_is_heard_while_no_turn_gets_through(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn may wait for a lock, or for a window that takes its time: what waits meanwhile is held back."""
    may_turn, held = threading.Event(), threading.Event()
    turns = 0
    real = Store.turn

    def turn(self: Store, *arguments: Any, **values: Any) -> Turn:
        nonlocal turns
        turns += 1
        if turns > 1:  # the first one marks what waits
            assert may_turn.wait(60)
        return real(self, *arguments, **values)

    def stop(self: Wire) -> None:
        held.set()
        stopping(self)

    stopping = Wire.stop
    monkeypatch.setattr(Store, "turn", turn)
    monkeypatch.setattr(Wire, "stop", stop)
    monkeypatch.setattr(WindowSize, "next", lambda _self, _connections: WAITING)
    with SmtpServer(slow=lambda call: 0.1 if call.verb == "END" else 0, keywords=()) as server:
        campaign = make_launched(server, people=WAITING, connections=1)
        work = in_background(each_database, lambda: lane_runner.send(id_of(campaign), timing=PATIENT))
        until(lambda: len(server.messages) >= 2, seconds=60)
        services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=clock.now())
        db.session.commit()
        until(lambda: held.is_set() or len(server.messages) == WAITING, seconds=40)
        assert len(server.messages) < WAITING / 2, "the rest was held back, although nothing was recorded yet"
        assert states(campaign) == {"sending": WAITING}
        may_turn.set()
        work.join(60)
        assert not work.is_alive()
    sent = len(server.messages)
    assert states(campaign) == {"sent": sent, "pending": WAITING - sent}
    assert left_behind(campaign) == (0, 0, 0)


@pytest.mark.one_database
def test_a_process_that_has_to_end_does_not_finish_mails_whose_end_the_server_does_not_have(
    each_database: Flask,
) -> None:
    """Nobody knows how long their server takes: only what was handed over completely is waited for."""
    released = threading.Event()

    def holds(call: Call) -> bool:
        return call.verb == "RCPT" and call.count > 4 and not released.is_set()

    with SmtpServer(holds=holds, stall_at="QUIT", keywords=()) as server:
        campaign = make_launched(server, people=30, connections=2)
        db.session.rollback()
        child = forked(each_database, lambda: lane_runner.send(id_of(campaign), timing=PATIENT))
        until(lambda: server.counts["RCPT"] >= 6, seconds=60)
        os.kill(child, signal.SIGUSR1)
        until(lambda: states(campaign).get("sending", 0) == 2, seconds=60)
        released.set()
        os.waitpid(child, 0)
    assert len(server.messages) == 4
    assert states(campaign) == {"sent": 4, "pending": 26}
    assert left_behind(campaign) == (0, 0, 0)


class Full:
    """A server's share of which nothing is left."""

    connections = lanes = 1
    is_needless = is_gone = is_crowded = False
    is_limited = True
    wait_s = 1.0

    class Nothing:
        number = 0

    def look(self) -> int:
        return 0

    def take(self, _wanted: int) -> Nothing:
        return self.Nothing()


def gate(should_leave: Callable[[], bool], sleeps: list[float]) -> Gate:
    machine = Machine(sleep=sleeps.append)
    timing = Timing(patience_s=60)
    return Gate(Full(), Terms(timing, machine, should_leave=should_leave))  # type: ignore[arg-type]


def test_a_process_that_has_to_end_waits_for_no_place_at_a_server() -> None:
    sleeps: list[float] = []
    asked = iter([False, False, True])
    assert not gate(lambda: next(asked), sleeps).begin()
    assert len(sleeps) == 2, "it would have waited for five seconds"


def test_a_process_that_has_to_end_waits_for_nothing_that_a_servers_limits_may_give_later() -> None:
    asked = 0

    def should_leave() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    async def in_thread(work: Callable[[], int]) -> int:
        return work()

    assert asyncio.run(gate(should_leave, []).leave_for(10, in_thread, None)) == 0
    assert asked == 3, "in the middle of the first wait of many"


def test_a_burst_of_answers_makes_no_large_window() -> None:
    """Windows hold what is sent in a moment; a pause holds what is on the wire back from nobody."""
    now = 0.0
    size = WindowSize(Terms(Timing(window=1000), Machine(tick_s=lambda: now)))
    size.measure(0)
    now = 1.0
    size.measure(600)
    assert size.next(10) == int(600 * WINDOW_S)
    now = 1.001
    size.measure(640)  # forty at once: 40,000 a second for a millisecond
    assert size.next(10) == int(600 * WINDOW_S)
    now = 2.0
    size.measure(1200)
    assert size.next(10) == int(600 * WINDOW_S)


def test_a_lane_that_was_told_to_end_before_it_began_sends_nothing(app: Flask) -> None:
    from campaigns.core import queue

    with SmtpServer() as server:
        campaign = make_launched(server, people=5)
        queue.leaving.set()
        try:
            end = lane_runner.send(id_of(campaign), timing=PATIENT)
        finally:
            queue.leaving.clear()
        assert end in (End.MORE, End.FULL)
        assert not server.messages
    assert states(campaign) == {"pending": 5}
