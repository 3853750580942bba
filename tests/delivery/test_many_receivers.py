"""Tens of thousands of receivers in trouble cost a lane nothing, stop nobody, and are forgotten by age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger.outcomes import HORIZON, Strain, Verdict
from campaigns.delivery.limits.domain_backoff import Receivers
from campaigns.delivery.models import Receiver, ReceiverDomain, State
from campaigns.delivery.sender import lane_runner
from tests.delivery.background import in_background, until
from tests.delivery.factories import BRISK, id_of, make_launched, send, states
from tests.delivery.receivers import come_again, make_mixed, refuse
from tests.delivery.work import work
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.one_database

MANY = 70_000  # more than a statement may have parameters


class Person:
    """A row that is about to be sent."""

    def __init__(self, number: int, email: str) -> None:
        self.id, self.email = number, email

    def horizon_from(self, now: Any) -> Any:
        return now


def make_receivers(number: int, *, start: int = 0, **values: Any) -> None:
    """So many in trouble, each a domain of its own."""
    now = clock.now()
    values = {
        "since": now,
        "troubles": 3,
        "backoff_s": 300,
        "next_at": now + timedelta(minutes=5),
        "said": "",
    } | values
    names = [f"small{each}.example" for each in range(start, start + number)]
    db.session.execute(sa.insert(Receiver).values(**values), [{"name": name} for name in names])
    db.session.execute(sa.insert(ReceiverDomain), [{"domain": name} for name in names])
    db.session.commit()


def test_a_campaign_goes_out_while_very_many_receivers_are_in_trouble(each_database: Flask) -> None:
    make_receivers(MANY)
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 away", "@dead.example")}) as server:
        campaign = make_mixed(server, ("dead.example", 20), ("alive.example", 40), ("small7.example", 3))
        campaign_id = id_of(campaign)
        lane = in_background(each_database, lambda: lane_runner.send(campaign_id, timing=BRISK))
        until(lambda: not lane.is_alive(), seconds=90)
    assert states(campaign) == {"sent": 40, "deferred": 23}
    assert not [line for line in server.said("RCPT") if "small7" in line], "it is known to be in trouble"


@pytest.mark.new_database
def test_a_window_costs_the_same_however_many_receivers_are_in_trouble(each_database: Flask) -> None:
    people = [Person(number, f"reader@alive{number % 5}.example") for number in range(50)]
    verdicts = [Verdict(number, 1, State.SENT, group=f"alive{number % 5}.example") for number in range(50)]
    verdicts += [Verdict(99, 1, State.DEFERRED, strain=Strain.SOME, group="alive0.example")]

    def window() -> None:
        receivers = Receivers(horizon=HORIZON)
        with db.engine.begin() as connection:
            receivers.look(connection)
            receivers.note(connection, verdicts, now=clock.now())
            assert len(receivers.sort_out(connection, people, now=clock.now())) == 50  # type: ignore[type-var]

    make_receivers(100)
    db.session.execute(sa.text("ANALYZE"))
    db.session.commit()
    few = work(window)
    make_receivers(20_000, start=100)
    db.session.execute(sa.text("ANALYZE"))
    db.session.commit()
    assert work(window) <= 2 * few + 200


def test_receivers_are_forgotten_by_age_and_so_is_who_receives_for_them(each_database: Flask) -> None:
    now = clock.now()
    make_receivers(3, next_at=now - timedelta(hours=9))
    make_receivers(3, start=10, next_at=None, since=now - timedelta(minutes=11))
    make_receivers(3, start=20, next_at=now - timedelta(hours=7))
    make_receivers(3, start=30, next_at=None, since=now - timedelta(minutes=9))
    week = timedelta(days=7, minutes=1)
    kept = {f"small{each}.example" for each in (20, 21, 22, 30, 31, 32)}
    asked = sa.update(ReceiverDomain).values(receiver="gmail.com")
    db.session.execute(asked.where(ReceiverDomain.domain == "small0.example").values(looked_up_at=now))
    db.session.execute(
        asked.where(ReceiverDomain.domain == "small20.example").values(looked_up_at=now - week)
    )
    db.session.commit()
    tasks.clean_up(now=now)
    assert set(db.session.scalars(sa.select(Receiver.name))) == kept
    known = set(db.session.scalars(sa.select(ReceiverDomain.domain)))
    assert known == (kept | {"small0.example"}) - {"small20.example"}
    db.session.rollback()


def test_very_many_are_forgotten_bit_by_bit(app: Flask) -> None:
    make_receivers(12_000, next_at=clock.now() - timedelta(hours=9))
    left = []
    for _round in range(3):
        tasks.clean_up(now=clock.now())
        left.append(db.session.scalar(sa.select(sa.func.count()).select_from(Receiver)))
        db.session.rollback()
    assert left == [7000, 2000, 0]


def test_after_a_lane_found_trouble_all_windows_that_follow_know_it(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 away", "@dead.example")}) as server:
        campaign = make_mixed(server, ("dead.example", 60), ("alive.example", 20))
        send(campaign, timing=BRISK)
        before = len(server.said("RCPT"))
        come_again(suspended_too=False)
        send(campaign, timing=BRISK)
        assert len(server.said("RCPT")) == before
    assert states(campaign) == {"sent": 20, "deferred": 60}


def _break(app: Flask) -> None:
    """From now on a statement of every turn fails, and no connection is lost by it."""
    if db.engine.dialect.name == "sqlite":
        db.session.execute(sa.text("ALTER TABLE receiver RENAME TO elsewhere"))
    else:
        db.session.execute(
            sa.text(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
                " $$BEGIN RAISE EXCEPTION 'too much' USING ERRCODE = '54000'; END$$"
            )
        )
        db.session.execute(sa.text("CREATE TRIGGER fails BEFORE UPDATE ON delivery EXECUTE FUNCTION fail()"))
    db.session.commit()


def test_a_statement_that_always_fails_ends_the_lane(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign_id = id_of(make_launched(server, people=10))
        _break(each_database)
        ended: list[Exception] = []

        def run() -> None:
            with pytest.raises(sa.exc.DBAPIError) as raised:
                lane_runner.send(campaign_id, timing=BRISK)
            ended.append(raised.value)

        lane = in_background(each_database, run)
        until(lambda: not lane.is_alive(), seconds=60)
    assert [type(each) for each in ended] == [sa.exc.OperationalError]
    assert server.messages == []
