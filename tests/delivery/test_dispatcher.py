"""The dispatcher and the workers: one leads, hints may be lost, duties don't stop each other."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine.interfaces import CacheStats

from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.delivery.dispatch import dispatcher, next_work, tasks
from campaigns.delivery.dispatch.dispatcher import SEND, Dispatcher, Ticks
from campaigns.delivery.ledger import leases
from campaigns.notices import services as notices_services
from campaigns.notices.jobs import send_notice
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, Status
from campaigns.settings.models import Server
from tests.conftest import make_app, make_config
from tests.delivery.dispatchers import started, stopped, until
from tests.delivery.factories import copies, fresh, make_due, make_launched, states
from tests.delivery.waiting_work import statements
from tests.factories import make_server
from tests.fakes.smtp_server import SmtpServer


@pytest.fixture
def redis_app(sqlite_url: str, tmp_path: Path, redis_url: str) -> Iterator[Flask]:
    """The app with a real, empty Redis."""
    app = make_app(make_config(tmp_path, sqlite_url, redis_url=redis_url))
    with app.app_context():
        queue.client().flushall()
        yield app
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()


def test_of_two_dispatchers_one_leads_and_the_other_takes_over(each_database: Flask) -> None:
    one, two = Dispatcher(Ticks(lease=1.5)), Dispatcher(Ticks(lease=1.5))
    assert one.tick()
    assert not two.tick()
    assert one.tick(), "the leader renews"
    time.sleep(1.6)
    assert two.tick()
    assert not one.tick()
    two.let_go()
    assert one.tick(), "what is given back need not end first"


def test_a_leader_does_not_write_its_lease_at_every_tick_and_sees_at_once_when_it_is_lost(
    each_database: Flask,
) -> None:
    leader = Dispatcher(Ticks(lease=3600))
    assert leader.tick()
    with statements() as said:
        assert leader.tick()
    assert not [each for each in said if each.startswith("UPDATE lease")]
    with db.engine.begin() as connection:
        leases.let_go(connection, leases.LEADER, owner=leader.owner)
        assert leases.hold(connection, leases.LEADER, owner="another", seconds=3600)
    assert not leader.tick()


def test_a_lease_counts_each_change_of_hands(app: Flask) -> None:
    from campaigns.delivery.models import Lease

    for owner in ("a", "a", "b"):
        with db.engine.begin() as connection:
            leases.hold(connection, "role", owner=owner, seconds=-1)
    assert db.session.scalars(sa.select(Lease.fence)).all() == [2]


def test_two_dispatchers_at_once_launch_a_campaign_once(each_database: Flask) -> None:
    campaign = make_due(people=30)

    def launch() -> None:
        with each_database.app_context():
            tasks.launch_due(now=clock.now())
            db.session.remove()

    threads = [threading.Thread(target=launch) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert states(campaign) == {"pending": 30}
    assert fresh(campaign).epoch == 1


def test_a_duty_that_fails_does_not_stop_the_others(app: Flask, monkeypatch, caplog) -> None:
    campaign = make_due(people=3)

    def broken(**_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(tasks, "repair", broken)
    assert Dispatcher().tick()
    assert states(campaign) == {"pending": 3}
    assert "repairs" in caplog.text


def test_no_more_wake_ups_wait_than_there_are_workers(redis_app: Flask) -> None:
    with SmtpServer() as server:
        for _number in range(3):
            make_launched(server, people=100, size=2)
    for _number in range(5):
        tasks.wake_workers(SEND, now=clock.now())
    assert queue.waiting(SEND) == tasks.workers() == 1


def test_workers_begin_with_the_first_of_many_launches(redis_app: Flask) -> None:
    due = [make_due(people=1) for _each in range(3)]
    make_server()
    dispatcher = Dispatcher(Ticks(launching=0))
    went_on = []
    for _tick in range(3):
        db.session.rollback()
        assert dispatcher.tick()
        went_on.append((dispatcher.is_behind, queue.waiting(SEND), [fresh(each).status for each in due]))
    sending, waiting = Status.SENDING, Status.SCHEDULED
    assert went_on == [
        (True, 1, [sending, waiting, waiting]),
        (True, 1, [sending, sending, waiting]),
        (False, 1, [sending, sending, sending]),
    ]


def test_the_dispatcher_rests_no_longer_than_until_something_is_due(each_database: Flask) -> None:
    leader = Dispatcher(Ticks(hints=1000))
    assert leader.tick()
    assert leader.rest_s() == 1000
    make_due(people=1).send_at = clock.now() + timedelta(seconds=500)
    db.session.commit()
    assert 400 < leader.rest_s() <= 500, "the minute in which a campaign can be taken back is over then"
    make_server(closed_until=clock.now() + timedelta(seconds=200))
    assert 100 < leader.rest_s() <= 200, "a server is tried again then"
    db.session.execute(sa.update(Campaign).values(send_at=clock.now() - timedelta(seconds=1)))
    db.session.execute(sa.update(Server).values(closed_until=clock.now() - timedelta(seconds=1)))
    db.session.commit()
    assert leader.rest_s() == 1000, "what was due before this tick is looked at in the next one"


def test_a_nudge_is_heeded_without_a_wait(redis_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            steps.append("wait")
            return False

    client = queue.client()
    blocking = client.blpop
    monkeypatch.setattr(
        client, "blpop", lambda *given, **named: steps.append("hear") or blocking(*given, **named)
    )
    queue.nudge()
    queue.nudge()
    dispatcher._wait(Stop(), 60)
    assert steps == ["wait", "hear"], "the tick follows at once"
    assert not client.exists(queue.NUDGE_KEY), "two nudges count as one"


def test_what_a_worker_asks_first_is_ready_in_its_work_horses(each_database: Flask) -> None:
    next_work.rehearse()
    hits = []

    def note(connection, cursor, statement, values, context, many) -> None:
        if context.compiled is not None:
            hits.append(context.cache_hit is CacheStats.CACHE_HIT)

    with SmtpServer() as server:
        make_launched(server, people=3)
    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert next_work.look(now=clock.now()).sendable
        assert next_work.anybody_waits()
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    assert len(hits) >= 4
    assert all(hits)


def test_nobody_is_woken_for_a_campaign_whose_server_is_closed(redis_app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5, fails_over=False)
    found = fresh(campaign)
    assert found.server
    found.server.closed_until = clock.now() + timedelta(minutes=1)
    db.session.commit()
    tasks.wake_workers(SEND, now=clock.now())
    assert queue.waiting(SEND) == 0


def test_own_mails_that_wait_are_hinted_and_sent_once(redis_app: Flask) -> None:
    with SmtpServer() as server:
        make_server(port=server.port, is_default=True)
        text = MailText(subject="Hello", text="A link.\n")
        notice = notices_services.post(text, kind="reset", to="ada@example.com", now=clock.now())
        db.session.commit()
        tasks.hint_notices(now=clock.now())
        assert queue.waiting(notices_services.JOB) == 1
        tasks.hint_notices(now=clock.now())
        assert queue.waiting(notices_services.JOB) == 1
        send_notice(notice.id)
        send_notice(notice.id)
    assert server.addresses == ["ada@example.com"]
    found = db.session.scalars(sa.select(Notice).execution_options(populate_existing=True)).one()
    assert found.sent_at
    assert found.text == "", "its words hold secrets"


def test_an_own_mail_that_is_refused_for_now_waits_and_for_good_is_given_up(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": "450 4.2.0 later"}) as server:
        make_server(port=server.port, is_default=True)
        notice = notices_services.post(
            MailText("Hi", "Text.\n"), kind="reset", to="ada@example.com", now=clock.now()
        )
        db.session.commit()
        send_notice(notice.id)
        assert notice.next_at and notice.next_at > clock.now()
        assert "later" in (notice.error or "")
        server.replies = {"RCPT": "550 5.1.1 nobody"}
        notice.next_at = clock.now()
        db.session.commit()
        send_notice(notice.id)
    assert notice.failed_at and notice.next_at is None


def test_without_a_server_an_own_mail_waits(app: Flask) -> None:
    notice = notices_services.post(
        MailText("Hi", "Text.\n"), kind="reset", to="ada@example.com", now=clock.now()
    )
    db.session.commit()
    send_notice(notice.id)
    assert notice.next_at and notice.failed_at is None


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_dispatcher_and_worker_send_a_campaign_together_and_stop_cleanly(redis_app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_due(server, people=120)
        db.session.rollback()
        processes = [started(redis_app, each, as_command=True) for each in ("dispatcher", "worker")]
        try:
            until(lambda: fresh(campaign).status is Status.FINISHED)
        finally:
            codes = stopped(processes)
    assert states(campaign) == {"sent": 120}
    assert set(copies(server).values()) == {1}
    assert codes == [0, 0]


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_a_work_horse_dies_with_its_worker(redis_app: Flask) -> None:
    with SmtpServer(delay_s=0.05) as server:
        make_launched(server, people=500)
        queue.enqueue(SEND, 1)
        db.session.rollback()
        worker = started(redis_app, "worker")
        until(lambda: len(server.messages) > 3)
        worker.send_signal(signal.SIGKILL)
        worker.wait(5)
        until(lambda: server.open_connections == 0, seconds=3)


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_g3_a_worker_settles_what_its_dead_work_horse_held(redis_app: Flask) -> None:
    """By the journal and at once: the lease has most of a minute to go."""
    with SmtpServer(delay_s=0.02) as server:
        campaign = make_launched(server, people=200, connections=2)
        queue.enqueue(SEND, 1)
        db.session.rollback()
        worker = started(redis_app, "worker")
        until(lambda: len(server.messages) > 10)
        horses = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        for horse in horses:
            os.kill(int(horse), signal.SIGKILL)
        until(lambda: "sending" not in states(campaign), seconds=20)
        assert states(campaign)["sent"] >= 5, "the journal told of them"
        queue.enqueue(SEND, 1)
        until(lambda: states(campaign) == {"sent": 200}, seconds=30)
        worker.terminate()
        worker.wait(30)
    assert len(server.messages) - 200 <= 2 * 11
    assert max(copies(server).values()) <= 2


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_g6_redis_flushed_in_mid_send_loses_nobody(redis_app: Flask) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_due(server, people=300)
        db.session.rollback()
        processes = [started(redis_app, "dispatcher"), started(redis_app, "worker")]
        try:
            until(lambda: len(server.messages) > 50)
            queue.client().flushall()
            until(lambda: fresh(campaign).status is Status.FINISHED, seconds=60)
        finally:
            stopped(processes)
    assert states(campaign) == {"sent": 300}
    assert set(copies(server).values()) == {1}


def test_without_redis_the_dispatcher_ticks_by_itself_and_stops_at_once(app: Flask) -> None:
    campaign = make_due(people=2)
    db.session.rollback()
    stop = threading.Event()

    def work() -> None:
        with app.app_context():
            dispatcher.run(stop, ticks=Ticks(hints=0.05))
            db.session.remove()

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: states(campaign) == {"pending": 2}, seconds=10)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize(("policy", "is_said"), [("noeviction", False), ("allkeys-lru", True)])
def test_a_redis_that_throws_keys_away_is_named_at_the_start(
    redis_app: Flask, caplog: pytest.LogCaptureFixture, policy: str, is_said: bool
) -> None:
    stop = threading.Event()
    stop.set()
    queue.client().config_set("maxmemory-policy", policy)
    try:
        dispatcher.run(stop)
    finally:
        queue.client().config_set("maxmemory-policy", "noeviction")
    assert ("maxmemory-policy allkeys-lru" in caplog.text) is is_said
