"""Limits of a server hold for all lanes together, at every moment; measured at the server that takes the mail."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.limits import server_throttle
from campaigns.delivery.limits.server_throttle import Limits, Throttle
from campaigns.delivery.limits.sliding_window import Caps
from campaigns.delivery.models import Meter, Share
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning.models import Status
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, copies, could_send, fresh, id_of, make_launched, states
from tests.delivery.lanes import lanes
from tests.factories import make_server
from tests.fakes.smtp_server import Call, SmtpServer

ALL = 10**6


class Watched:
    """A scripted server that notes when it took each mail."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.server = SmtpServer(replies={"END": self._note})

    def _note(self, call: Call) -> None:
        self.moments.append(time.monotonic())

    def most_in(self, seconds: float) -> int:
        """The most mails in any stretch of that length."""
        return max(sum(end - seconds < moment <= end for moment in self.moments) for end in self.moments)


def make_throttle(server: Server, owner: str, *, campaign_id: int = 1, **values: object) -> Throttle:
    settings: dict[str, object] = {
        "connections": server.connections,
        "limits": server_throttle.limits_of(server),
    }
    made = Throttle(
        db.engine, server_id=server.id, campaign_id=campaign_id, owner=owner, **{**settings, **values}
    )
    db.session.commit()  # on SQLite a test that goes on holding its transaction stops every lane
    return made


def test_three_lanes_together_never_exceed_so_many_a_second_S26(each_database: Flask) -> None:
    watched = Watched()
    with watched.server as server:
        row = make_server(port=server.port, connections=6, per_second=20)
        campaign = make_launched(server, people=60, server_id=row.id)
        lanes(each_database, campaign, 3)
    assert set(copies(server).values()) == {1}
    assert states(campaign) == {"sent": 60}
    assert watched.most_in(1.0) <= 20
    # Nor is it much slower than it may be.
    assert watched.moments[-1] - watched.moments[0] < 60 / 20 * 2


def test_a_minutes_worth_goes_out_and_then_the_lane_ends(each_database: Flask) -> None:
    watched = Watched()
    with watched.server as server:
        row = make_server(port=server.port, per_minute=30)
        campaign = make_launched(server, people=50, server_id=row.id)
        ends = lanes(each_database, campaign, 2)
        again = lane_runner.send(id_of(campaign), timing=BRISK)
    assert End.LIMITED in ends
    assert again is End.LIMITED
    assert len(watched.moments) == 30
    assert states(campaign) == {"sent": 30, "pending": 20}
    assert fresh(campaign).status is Status.SENDING


def test_the_dispatcher_asks_for_no_lane_before_there_is_leave(each_database: Flask) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port, per_minute=10)
        campaign = make_launched(server, people=20, server_id=row.id)
        assert could_send(campaign, now=clock.now())
        lane_runner.send(id_of(campaign), timing=BRISK)
        db.session.rollback()
        assert not could_send(campaign, now=clock.now())
        assert could_send(campaign, now=clock.now() + timedelta(seconds=62))


def test_mails_that_were_not_handed_over_cost_nothing(each_database: Flask) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port, per_hour=100)
        campaign = make_launched(server, people=12, server_id=row.id)
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.NOTHING
        counts = server_throttle.counts_of(row.id)
    assert sum(counts["hour"].values()) == 12
    assert db.session.query(Share).count() == 0


def test_a_server_without_limits_counts_nothing(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=12)
        lane_runner.send(id_of(campaign), timing=BRISK)
    assert [meter.counts for meter in db.session.query(Meter)] == [{}]


def test_lanes_share_the_connections_of_a_server_S26(each_database: Flask) -> None:
    watched = Watched()
    watched.server.delay_s = 0.02
    with watched.server as server:
        row = make_server(port=server.port, connections=4)
        campaign = make_launched(server, people=150, server_id=row.id, size=10)
        ends = lanes(each_database, campaign, 3, timing=Timing(lease_s=8, budget_s=20, window=10))
    assert states(campaign) == {"sent": 150}
    assert server.most_connections <= 4
    assert ends.count(End.FULL) == 0


def test_a_lane_too_many_ends_at_once(each_database: Flask) -> None:
    server = make_server(connections=1)
    first, second = make_throttle(server, "first"), make_throttle(server, "second")
    assert first.look() == 1
    assert second.look() == 0
    assert second.is_needless
    first.leave()
    assert second.look() == 1


def test_parts_are_equal_once_everybody_has_looked(each_database: Flask) -> None:
    server = make_server(connections=5)
    first, second = make_throttle(server, "first"), make_throttle(server, "second")
    assert first.look() == 5
    assert second.look() == 0  # the first has not closed any yet
    assert first.look() == 3
    first.shrink(3)
    assert second.look() == 2
    second.leave()
    assert first.look() == 5


def test_a_lane_of_another_campaign_makes_the_first_give_way(each_database: Flask) -> None:
    server = make_server(connections=1)
    first, second = make_throttle(server, "first"), make_throttle(server, "second", campaign_id=2)
    first.look()
    assert second.look() == 0
    assert not second.is_needless
    first.look()
    assert first.is_crowded


def test_what_a_dead_lane_held_comes_free_and_counts_as_sent(each_database: Flask) -> None:
    server = make_server(connections=2, per_hour=100)
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    dead = make_throttle(server, "dead", lease_s=5, now=lambda: now)
    dead.look()
    assert dead.take(60).number == 60
    later = now + timedelta(seconds=6)
    alive = make_throttle(server, "alive", now=lambda: later)
    assert alive.look() == 2
    assert alive.take(ALL).number == 40
    alive.used(40)
    assert alive.take(1).number == 0
    assert 3000 < alive.wait_s < 3700


def test_what_one_lane_has_taken_another_cannot(each_database: Flask) -> None:
    server = make_server(connections=2, per_minute=10)
    first, second = make_throttle(server, "first"), make_throttle(server, "second")
    first.look()
    first.shrink(1)
    second.look()
    assert first.take(7).number == 7
    assert second.take(7).number == 3
    first.unused(7)
    assert first.take(0).number == 0  # says what was not needed
    assert second.take(7).number == 7


def test_a_warm_up_ends_at_midnight_and_the_next_day_has_more(each_database: Flask) -> None:
    server = make_server()
    moments = [datetime(2026, 3, 2, 22, 59, tzinfo=UTC)]
    limits = Limits(Caps(), date(2026, 3, 2), (50, 100), clock.zone("Europe/Vienna"))
    lane = make_throttle(server, "lane", limits=limits, now=lambda: moments[-1])
    lane.look()
    assert lane.take(ALL).number == 50
    lane.used(50)
    assert lane.take(ALL).number == 0
    assert lane.wait_s == 60
    moments.append(moments[0] + timedelta(seconds=60))  # midnight in Vienna
    assert lane.take(ALL).number == 100
    lane.used(100)
    moments.append(moments[0] + timedelta(days=1, seconds=60))
    assert lane.take(ALL).number == ALL  # the plan is over


def test_a_clock_that_was_a_year_ahead_costs_one_window_and_not_a_year(each_database: Flask) -> None:
    server = make_server(connections=2, per_day=100)
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    moments = [now + timedelta(days=366)]
    lane = make_throttle(server, "lane", now=lambda: moments[-1])
    lane.look()
    assert lane.take(ALL).number == 100
    lane.leave()
    moments.append(now)
    assert server_throttle.free_at(server, now=now) == now, "or no lane would ever put it right"
    db.session.rollback()
    lane.look()
    assert lane.take(ALL).number == 0
    assert 86400 <= lane.wait_s < 86400 + 1800
    assert server_throttle.free_at(server, now=now) - now >= timedelta(days=1)
    db.session.rollback()
    moments.append(now + timedelta(days=1, minutes=15))
    assert lane.take(ALL).number == 100
