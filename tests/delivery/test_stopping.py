"""Pause, cancel and finish while lanes are in the middle of their turns: nobody waits for them, nobody is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.limits.domain_backoff import Receivers
from campaigns.delivery.limits.domain_throttle import Quotas
from campaigns.delivery.models import Batch, BatchState
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.store import Store, Turn
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import queries as settings_queries
from tests.delivery.factories import fresh, id_of, make_launched, states
from tests.fakes.smtp_server import SmtpServer

LANES = 64
LONG_ENOUGH_S = 20  # for anything that does not wait for somebody


class Halting(Receivers):
    """In the middle of a turn, between the look at the campaign and the marks, it waits until it may go on."""

    def __init__(self) -> None:
        super().__init__(horizon=timedelta(hours=24))
        self.is_there, self.may_go_on = threading.Event(), threading.Event()
        self.halts = False

    def look(self, connection: sa.Connection) -> None:
        super().look(connection)
        if self.halts:
            self.is_there.set()
            assert self.may_go_on.wait(LONG_ENOUGH_S)


def make_store(campaign: Campaign, *, receivers: Receivers | None = None) -> Store:
    """The database's side of a lane of that campaign."""
    assert campaign.server_id
    return Store(
        db.engine,
        campaign_id=campaign.id,
        epoch=campaign.epoch,
        owner=lane_runner.name_of_process(),
        server_id=campaign.server_id,
        lease_s=60,
        folder=lane_runner.journals(),
        needs_fields=False,
        address_key=settings_queries.link_key(),
        receivers=receivers or Receivers(horizon=timedelta(hours=24)),
        quotas=Quotas(()),
    )


def turn(store: Store, verdicts: Sequence[Verdict] = (), *, size: int = 10) -> Turn:
    return store.turn(verdicts, size=size, now=clock.now(), may_retry=lambda: True)


def given_back(found: Turn) -> list[Verdict]:
    return [outcomes.given_back(copy.facts) for copy in found.copies]


def pause(campaign: Campaign) -> None:
    services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=clock.now())
    db.session.commit()


def cancel(campaign: Campaign) -> None:
    services.cancel(fresh(campaign), now=clock.now())
    db.session.commit()


@contextmanager
def turn_under_way(store: Store, halting: Halting, verdicts: Sequence[Verdict] = ()) -> Iterator[list[Turn]]:
    """A turn that has seen the campaign sending, and marks nothing before the block is over."""
    found: list[Turn] = []
    halting.halts = True
    thread = threading.Thread(target=lambda: found.append(turn(store, verdicts)))
    thread.start()
    assert halting.is_there.wait(LONG_ENOUGH_S)
    try:
        yield found
    finally:
        halting.may_go_on.set()
        thread.join(LONG_ENOUGH_S)
        halting.halts = False


def done_meanwhile(app: Flask, work: Callable[[], object]) -> bool:
    """Whether the work comes to its end by itself, in a thread and a session of its own."""

    def run() -> None:
        with app.app_context():
            work()
            db.session.remove()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LONG_ENOUGH_S / 2)
    return not thread.is_alive()


def test_who_pauses_waits_for_no_turn_and_what_began_before_marks_nothing_after(postgres_app: Flask) -> None:
    """SQLite has one writer: there the pause comes before the turn or after it."""
    with SmtpServer() as server:
        campaign = make_launched(server, people=100, size=50)
    halting = Halting()
    store = make_store(campaign, receivers=halting)
    db.session.rollback()
    with turn_under_way(store, halting) as found:
        assert done_meanwhile(postgres_app, lambda: pause(campaign))
    assert (found[0].copies, found[0].is_running) == ([], False)
    store.disconnect()
    assert states(campaign) == {"pending": 100}
    assert store.is_empty_handed


def test_a_resumed_campaign_is_sent_by_lanes_of_its_new_epoch_alone(postgres_app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=100, size=50)
    halting = Halting()
    store = make_store(campaign, receivers=halting)
    db.session.rollback()

    def pause_and_resume() -> None:
        pause(campaign)
        services.resume(fresh(campaign), now=clock.now())
        db.session.commit()

    with turn_under_way(store, halting) as found:
        assert done_meanwhile(postgres_app, pause_and_resume)
    assert (found[0].copies, found[0].is_running) == ([], False)
    store.disconnect()
    assert states(campaign) == {"pending": 100}


def test_who_is_given_back_while_the_campaign_is_cancelled_comes_to_an_end_too(postgres_app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=100, size=50)
    halting = Halting()
    store = make_store(campaign, receivers=halting)
    db.session.rollback()
    first = turn(store)
    assert len(first.copies) == 10
    with turn_under_way(store, halting, given_back(first)) as found:
        assert done_meanwhile(postgres_app, lambda: cancel(campaign))
    assert (found[0].copies, found[0].is_running) == ([], False)
    store.disconnect()
    tasks.settle_cancelled(now=clock.now())
    db.session.commit()
    assert states(campaign) == {"cancelled": 100}
    assert open_batches(campaign) == 0


def test_a_lane_that_hears_of_the_cancellation_ends_who_waits_in_its_hands(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=100, size=100)
    store = make_store(campaign)
    db.session.rollback()
    first = turn(store)
    cancel(campaign)
    assert states(campaign) == {"sending": 10, "pending": 90}, "its batch is in the lane's hands"
    assert not turn(store, given_back(first)).is_running
    store.disconnect()
    assert states(campaign) == {"cancelled": 100}
    assert open_batches(campaign) == 0


def open_batches(campaign: Campaign) -> int:
    db.session.rollback()
    of_it = sa.and_(Batch.campaign_id == id_of(campaign), Batch.state != BatchState.DONE)
    number = db.session.scalar(sa.select(sa.func.count()).select_from(Batch).where(of_it))
    db.session.rollback()
    return number or 0


@contextmanager
def lanes_turning(campaign: Campaign, number: int) -> Iterator[list[int]]:
    """So many lanes that take one turn after the other and never get anywhere; how many turns each has taken."""
    stop = threading.Event()
    turns = [0] * number
    stores = [make_store(campaign) for _lane in range(number)]
    db.session.rollback()

    def run(lane: int) -> None:
        verdicts: list[Verdict] = []
        while not stop.is_set():
            found = turn(stores[lane], verdicts, size=2)
            verdicts = given_back(found)
            turns[lane] += 1
            if not found.is_running:
                return
            stop.wait(0.05)  # the wire's time

    threads = [threading.Thread(target=run, args=(lane,)) for lane in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield turns
    finally:
        stop.set()
        for thread in threads:
            thread.join(LONG_ENOUGH_S)
        for store in stores:
            store.disconnect()


@pytest.mark.slow
def test_a_pause_gets_through_among_many_lanes(
    each_database: Flask, record_property: Callable[[str, Any], None]
) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=LANES * 10, size=10)
    with lanes_turning(campaign, LANES) as turns:
        deadline = time.monotonic() + 60
        while not all(turns) and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        pause(campaign)
        took_s = time.monotonic() - began
    record_property("took_s", round(took_s, 3))
    assert fresh(campaign).status is Status.PAUSED
    assert took_s < LONG_ENOUGH_S / 2
