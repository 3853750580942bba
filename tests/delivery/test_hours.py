"""Sending hours while a campaign goes out, and what its page says of them and of limits."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import queries
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Delivery
from campaigns.delivery.progress import holdups
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning.models import Status
from tests.browser_client import BrowserClient
from tests.delivery.factories import BRISK, copies, could_send, fresh, id_of, make_launched, states
from tests.delivery.hours import DAY, EVENING, NOON, now_closed, page_of
from tests.factories import make_campaign, make_server
from tests.fakes.smtp_server import SmtpServer


def test_nothing_is_sent_outside_the_hours_and_the_dispatcher_asks_for_no_lane(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5, sending_hours=DAY)
        assert lane_runner.send(id_of(campaign), timing=BRISK, now=lambda: EVENING) is End.CLOSED
        assert not could_send(campaign, now=EVENING)
        assert could_send(campaign, now=NOON)
        assert could_send(campaign, now=EVENING + timedelta(hours=16))
        db.session.rollback()
    assert server.messages == []
    assert fresh(campaign).status is Status.SENDING


def test_a_lane_stops_within_a_window_when_the_hours_end_and_the_rest_goes_next_day(
    each_database: Flask,
) -> None:
    with SmtpServer() as server:

        def now() -> datetime:
            return NOON if len(server.messages) < 20 else EVENING

        campaign = make_launched(server, people=100, sending_hours=DAY)
        timing = Timing(lease_s=8, budget_s=20, window=10)
        assert lane_runner.send(id_of(campaign), timing=timing, now=now) is End.CLOSED
        assert 20 <= len(server.messages) <= 40
        assert fresh(campaign).status is Status.SENDING
        db.session.rollback()
        tomorrow = NOON + timedelta(days=1)
        assert lane_runner.send(id_of(campaign), timing=BRISK, now=lambda: tomorrow) is End.NOTHING
    assert states(campaign) == {"sent": 100}
    assert set(copies(server).values()) == {1}


def test_the_page_says_until_when_it_waits(ada: BrowserClient) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5, sending_hours=now_closed())
    page = page_of(ada, campaign)
    assert "Waiting until" in page
    assert "Outside sending hours" in page
    assert "Nothing" not in page


def test_the_page_says_which_limit_makes_it_slow_and_when_it_goes_on(ada: BrowserClient) -> None:
    with SmtpServer() as server:
        row = make_server("Relay", port=server.port, per_hour=10)
        campaign = make_launched(server, people=25, server_id=row.id)
        assert "Limited to 10 an hour by Relay." in page_of(ada, campaign)
        db.session.rollback()
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.LIMITED
    page = page_of(ada, campaign)
    assert "Rate limit reached for Relay." in page
    assert "Sending resumes at" in page


def test_the_page_says_that_a_warm_up_is_used_up_for_today(ada: BrowserClient) -> None:
    with SmtpServer() as server:
        plan = {"warm_up_from": clock.now().date(), "warm_up_curve": [4, 10]}
        row = make_server("Relay", port=server.port, **plan)
        campaign = make_launched(server, people=10, server_id=row.id)
        assert "Warm-up of Relay: 4 emails today." in page_of(ada, campaign)
        db.session.rollback()
        lane_runner.send(id_of(campaign), timing=BRISK)
    assert len(server.messages) == 4
    # In the hour around midnight it would be tomorrow by now.
    if clock.now().date() == plan["warm_up_from"]:
        assert "warm-up volume (4 emails) has been sent" in page_of(ada, campaign)


def test_the_expected_end_knows_the_limits_before_and_while_it_goes(each_database: Flask) -> None:
    now = clock.now()
    with SmtpServer() as server:
        row = make_server(port=server.port, per_hour=10, per_second=5)
        campaign = make_launched(server, people=25, server_id=row.id)
        before = holdups.expected_end(fresh(campaign), 25, per_second=0, now=now)
        db.session.rollback()
        lane_runner.send(id_of(campaign), timing=BRISK)
        while_sending = queries.progress(id_of(campaign), now=clock.now()).expected_end
    assert before == now + timedelta(hours=2, seconds=1)
    assert while_sending is not None
    assert timedelta(hours=1, minutes=50) < while_sending - now < timedelta(hours=2, minutes=10)


def test_a_server_is_remembered_by_the_rate_it_took(each_database: Flask) -> None:
    with SmtpServer() as server:
        row = make_server(port=server.port)
        campaign = make_launched(server, people=80, server_id=row.id)
        lane_runner.send(id_of(campaign), timing=BRISK)
        other = make_launched(server, people=80, server_id=row.id, status=Status.DRAFT)
    db.session.refresh(row)
    assert row.measured_per_minute is not None
    assert row.measured_per_minute > 60
    now = clock.now()
    end = holdups.expected_end(fresh(other), 80, per_second=0, now=now)
    assert end is not None
    assert end > now


def test_on_a_server_that_warms_up_those_who_opened_or_clicked_last_get_it_first(
    each_database: Flask,
) -> None:
    with SmtpServer() as server:
        plan = {"warm_up_from": clock.now().date(), "warm_up_curve": [1000, 3]}
        row = make_server(port=server.port, **plan)
        first = make_launched(server, people=30, server_id=row.id, size=5, domains=("example.org",))
        lane_runner.send(id_of(first), timing=BRISK)
        db.session.rollback()
        rows = db.session.query(Delivery).order_by(Delivery.id).all()
        keen = [rows[number] for number in (27, 3, 14)]
        for days, each in enumerate(keen):
            assert each.subscriber
            each.subscriber.last_opened_at = clock.now() - timedelta(days=days + 1)
        keen[2].subscriber.last_opened_at = clock.now()
        wanted = [each.subscriber.email for each in (keen[2], keen[0], keen[1]) if each.subscriber]
        db.session.commit()
        due = clock.now() - timedelta(seconds=1)
        again = make_campaign(
            lists=fresh(first).lists, server_id=row.id, status=Status.SCHEDULED, send_at=due
        )
        already = len(server.messages)
        launch.launch(again.id, clock.now(), size=5)
        second = (
            db.session.query(Delivery)
            .filter_by(campaign_id=again.id)
            .order_by(Delivery.batch_number, Delivery.id)
        )
        order = [each.subscriber.email for each in second if each.subscriber]
        assert order[:3] == wanted
        assert len(set(order)) == 30
        lane_runner.send(id_of(again), timing=BRISK)
    assert set(server.addresses[already : already + 3]) == set(wanted)
