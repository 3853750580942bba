"""A lane on a slow or silent server: it can be stopped, it ends in time, and it leaves no doubts."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audience.models import Subscription
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.timing import End, Timing
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings.models import Server
from tests.delivery.background import in_background, until
from tests.delivery.factories import fresh, id_of, make_launched, states
from tests.delivery.killed import forked
from tests.delivery.leftovers import left_behind
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer
from tests.lengths import first

pytestmark = pytest.mark.one_database

WAYS = [(), ("PIPELINING",), KEYWORDS]
PATIENT = Timing(lease_s=60, budget_s=120, breath_s=0.01)


def pause(campaign: Campaign) -> None:
    services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=clock.now())
    db.session.commit()


def everybody_leaves() -> None:
    now = clock.now()
    db.session.rollback()
    db.session.execute(
        sa.update(Subscription).values(
            status=SubscriptionStatus.UNSUBSCRIBED, unsubscribed_at=now, changed_at=now
        )
    )
    db.session.commit()


@pytest.mark.parametrize("keywords", WAYS)
@pytest.mark.parametrize("way", ["pause", "unsubscribe"])
def test_a_pause_and_an_unsubscribe_hold_while_a_slow_server_drains(
    each_database: Flask, keywords: tuple[str, ...], way: str
) -> None:
    with SmtpServer(slow=lambda call: 1.5 if call.verb == "END" else 0, keywords=keywords) as server:
        campaign = make_launched(server, people=60, connections=2)
        work = in_background(each_database, lambda: lane_runner.send(id_of(campaign), timing=PATIENT))
        until(lambda: len(server.messages) >= 2, seconds=60)
        pause(campaign) if way == "pause" else everybody_leaves()
        before = len(server.messages)
        work.join(120)
        assert not work.is_alive()
        assert len(server.messages) - before <= 12, "those on the wire, and what went out in a few seconds"
    left = "pending" if way == "pause" else "skipped"
    assert states(campaign) == {"sent": len(server.messages), left: 60 - len(server.messages)}
    assert left_behind(campaign) == (0, 0, 0)


@pytest.mark.parametrize("keywords", WAYS[:2])
@pytest.mark.parametrize("way", ["pause", "unsubscribe"])
def test_a_mail_whose_envelope_is_open_is_not_ended_after_a_pause_or_an_unsubscribe(
    each_database: Flask, keywords: tuple[str, ...], way: str
) -> None:
    released = threading.Event()
    with SmtpServer(
        holds=lambda call: call.verb == "RCPT" and not released.is_set(), keywords=keywords
    ) as server:
        campaign = make_launched(server, people=20, connections=2)
        work = in_background(each_database, lambda: lane_runner.send(id_of(campaign), timing=PATIENT))
        until(lambda: server.counts["RCPT"] >= 2, seconds=60)
        pause(campaign) if way == "pause" else everybody_leaves()
        left = "pending" if way == "pause" else "skipped"
        until(lambda: states(campaign) == {left: 18, "sending": 2}, seconds=60)
        time.sleep(1.5)  # for a look at those two as well
        released.set()
        work.join(60)
        assert server.messages == []
    assert states(campaign) in ({left: 20}, {left: 18, "pending": 2})
    assert left_behind(campaign) == (0, 0, 0)


@pytest.mark.parametrize("keywords", WAYS)
def test_no_slow_answer_makes_a_lane_last_longer_than_its_limit(
    each_database: Flask, keywords: tuple[str, ...]
) -> None:
    timing = Timing(lease_s=60, budget_s=3, limit_s=6, breath_s=0.01, slow_s=0.4)
    with SmtpServer(slow=lambda call: 0.5 if call.verb == "END" else 0, keywords=keywords) as server:
        campaign = make_launched(server, people=200, connections=2)
        assert lane_runner.send(id_of(campaign), timing=timing) is End.MORE
        assert 0 < len(server.messages) < 100
    assert states(campaign) == {"sent": len(server.messages), "pending": 200 - len(server.messages)}
    assert left_behind(campaign) == (0, 0, 0)


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_a_lane_when_its_answers_are_in(each_database: Flask, number: signal.Signals) -> None:
    """As RQ does it: what its handler raises is lost in the event loop, and a process that dies leaves doubts."""
    released = threading.Event()

    def holds(call: Call) -> bool:
        return call.verb == "END" and call.count > 4 and not released.is_set()

    def work() -> None:
        def late(*_: object) -> None:
            raise TimeoutError("the job took too long")

        signal.signal(signal.SIGALRM, late)
        lane_runner.send(id_of(campaign), timing=PATIENT)

    with SmtpServer(holds=holds) as server:
        campaign = make_launched(server, people=100, connections=2)
        db.session.rollback()
        child = forked(each_database, work)
        until(lambda: server.counts["END"] >= 6, seconds=60)
        os.kill(child, number)
        until(lambda: states(campaign).get("pending", 0) > 0, seconds=60)
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it waits for what is on the wire"
        released.set()
        os.waitpid(child, 0)
    found = states(campaign)
    assert found == {"sent": len(server.messages), "pending": 100 - len(server.messages)}
    assert left_behind(campaign) == (0, 0, 0)


@pytest.mark.parametrize("silent_at", first(1, ["MAIL", "BANNER", "EHLO"]))
def test_a_silent_server_holds_a_worker_no_longer_than_a_lane_lasts(app: Flask, silent_at: str) -> None:
    began = time.monotonic()
    timing = Timing(lease_s=60, budget_s=2, breath_s=0.01)
    with SmtpServer(stall_at=silent_at, keywords=()) as server:
        campaign = make_launched(server, people=20)
        assert lane_runner.send(id_of(campaign), timing=timing) in (End.MORE, End.UNREACHABLE)
    assert time.monotonic() - began < 100
    assert states(campaign) == {"pending": 20}
    assert left_behind(campaign) == (0, 0, 0)
    assert db.session.scalar(sa.select(Server.failures)) >= 1, "it is known to be in trouble"


def test_a_pause_does_not_wait_for_a_server_that_lets_us_wait(app: Flask) -> None:
    ends: list[End] = []
    with SmtpServer(stall_at="BANNER") as server:
        campaign = make_launched(server, people=20)
        work = in_background(app, lambda: ends.append(lane_runner.send(id_of(campaign), timing=PATIENT)))
        until(lambda: server.connections == 1, seconds=60)
        pause(campaign)
        work.join(60)
        assert not work.is_alive()
    assert ends == [End.STOPPED]
    assert states(campaign) == {"pending": 20}
    assert db.session.scalar(sa.select(Server.failures)) == 0
    assert fresh(campaign).status is Status.PAUSED


def test_nothing_is_ended_when_the_lease_could_not_be_renewed(each_database: Flask) -> None:
    """The database does not answer: another lane may have the batch for all that we know."""
    lease_s = 4.0
    timing = Timing(lease_s=lease_s, budget_s=120, breath_s=0.01)
    with SmtpServer(slow=lambda call: 0.2 if call.verb == "END" else 0) as server:
        campaign = make_launched(server, people=300, connections=3)
        work = in_background(each_database, lambda: lane_runner.send(id_of(campaign), timing=timing))
        until(lambda: len(server.messages) >= 30, seconds=60)
        with db.engine.connect() as other:
            if other.dialect.name == "sqlite":
                other.execute(sa.text("SELECT 1"))  # it begins by taking the one right to write
            else:
                other.execute(sa.text("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE"))
            time.sleep(lease_s + 1)
            number = server.counts["MAIL"]
            time.sleep(2)
            assert server.counts["MAIL"] == number
            other.rollback()
        work.join(60)
