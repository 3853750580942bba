"""Which server a mail takes, and who steps in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core import clock, secrets
from campaigns.core.config import current
from campaigns.core.db import db
from campaigns.delivery.autopause import server_outage
from campaigns.delivery.ledger.outcomes import Trouble, Verdict
from campaigns.delivery.models import Delivery, State
from campaigns.delivery.routing import circuit_breaker, server_selection
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End
from campaigns.delivery.sender.stop_rules import StopRules
from campaigns.notices.models import Notice
from campaigns.planning.models import PauseReason, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, could_send, fresh, id_of, make_launched, send, states
from tests.factories import make_operator, make_server
from tests.fakes.deaf import deaf_port
from tests.fakes.smtp_server import SmtpServer
from tests.running import free_port


def row(number: int, **values: object) -> Server:
    values = {"weight": 0, "is_default": False, "is_practice": False, "sender_domains": "", **values}
    return Server(id=number, **values)


def ids(found: list[list[Server]]) -> list[list[int]]:
    return [[server.id for server in rank] for rank in found]


def test_a_campaign_without_a_server_takes_those_with_a_share_and_then_the_others_by_weight() -> None:
    servers = [row(1, is_default=True), row(2, weight=3), row(3), row(4)]
    found = server_selection.ranks(servers, named=None, fails_over=True, domain="example.com")
    assert ids(found) == [[1, 2], [3], [4]]


def test_a_named_server_comes_first_and_the_heaviest_other_steps_in() -> None:
    servers = [row(1, is_default=True), row(2, weight=3), row(3, weight=7)]
    found = server_selection.ranks(servers, named=servers[0], fails_over=True, domain="example.com")
    assert ids(found) == [[1], [3], [2]]


def test_without_fail_over_the_named_server_is_alone() -> None:
    servers = [row(1, is_default=True), row(2, weight=3)]
    found = server_selection.ranks(servers, named=servers[0], fails_over=False, domain="example.com")
    assert ids(found) == [[1]]


def test_practice_stays_practice() -> None:
    practice, real = row(1, is_practice=True), row(2, is_default=True)
    assert ids(
        server_selection.ranks([practice, real], named=practice, fails_over=True, domain="x.example")
    ) == [[1]]
    assert ids(server_selection.ranks([practice, real], named=None, fails_over=True, domain="x.example")) == [
        [2]
    ]


def test_a_server_carries_only_the_domains_it_is_allowed() -> None:
    servers = [
        row(1, is_default=True, sender_domains="other.example"),
        row(2, sender_domains="a.example b.example"),
    ]
    assert ids(server_selection.ranks(servers, named=None, fails_over=True, domain="news.b.example")) == [[2]]
    assert server_selection.ranks(servers, named=None, fails_over=True, domain="notb.example") == []


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_a_pick_is_always_one_of_them(weights: list[int], dice: float) -> None:
    servers = [row(number, weight=weight) for number, weight in enumerate(weights)]
    assert server_selection.picked(servers, dice) in servers


def test_shares_are_kept() -> None:
    servers = [row(1, weight=1), row(2, weight=3)]
    found = Counter(server_selection.picked(servers, each / 100).id for each in range(100))
    assert found == {1: 25, 2: 75}


def second(server: SmtpServer, **values: object) -> Server:
    return make_server("Second", port=server.port, **values)


def used() -> Counter[str]:
    """How many mails went by which server."""
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Server.name, sa.func.count())
        .join(Delivery, Delivery.server_id == Server.id)
        .where(Delivery.done_at.is_not(None))
        .group_by(Server.name)
    )
    return Counter(dict(tuple(each) for each in rows))


@pytest.mark.parametrize("trouble", ["away", "sign-in", "slow down", "quota"])
def test_when_one_server_is_no_use_the_other_carries_the_rest_and_nobody_gets_two(
    each_database: Flask, trouble: str
) -> None:
    answers = {"slow down": "454 4.7.0 too many messages", "quota": "550 5.4.5 Daily sending quota exceeded"}
    replies = {"END": lambda call: answers[trouble] if trouble in answers and call.count > 20 else None}
    users = {"us": "right"} if trouble == "sign-in" else {}
    with SmtpServer(users=users, replies=replies) as first, SmtpServer() as other:
        campaign = make_launched(first, people=60, size=20)
        server = db.session.scalars(sa.select(Server)).one()
        if trouble == "away":
            server.port = free_port()
        if trouble == "sign-in":
            server.username = "us"
            server.password_sealed = secrets.seal(current().secret_key, "wrong", owner=f"server:{server.id}")
        second(other)
        db.session.commit()
        begun = time.monotonic()
        for _lane in range(20):
            if lane_runner.send(id_of(campaign), timing=BRISK) is End.NOTHING:
                break
        assert time.monotonic() - begun < 30
        sent = Counter(first.addresses) + Counter(other.addresses)
    found = states(campaign)
    assert found["sent"] + found.get("deferred", 0) == 60
    assert found.get("deferred", 0) <= 1, "who got it before anybody confirmed it waits a little"
    assert (len(sent), max(sent.values())) == (found["sent"], 1)
    assert used()["Second"] >= 40 - 20


@pytest.mark.parametrize("silence", ["at the door", "in the hall"])
def test_a_server_that_swallows_our_calls_costs_one_short_wait_and_the_other_carries_all(
    each_database: Flask, silence: str
) -> None:
    """Not five long ones: while another server can take the mail, nobody waits for one that does not answer."""
    timing = replace(BRISK, hurry_s=0.1)
    with SmtpServer() as other, SmtpServer(stall_at="BANNER") as mute, deaf_port() as deaf:
        campaign = make_launched(mute, people=60, size=20)
        server = db.session.scalars(sa.select(Server)).one()
        server.port = deaf if silence == "at the door" else mute.port
        second(other)
        db.session.commit()
        ends = [lane_runner.send(id_of(campaign), timing=timing) for _lane in range(2)]
        assert ends == [End.UNREACHABLE, End.NOTHING]
        assert mute.connections <= 1
        assert len(other.addresses) == 60
    found = states(campaign)
    assert found["sent"] + found.get("deferred", 0) == 60
    assert found.get("deferred", 0) <= 1, "who got it before anybody confirmed it waits a little"
    server = db.session.scalars(sa.select(Server).filter_by(port=server.port)).one()
    assert circuit_breaker.is_closed(server, now=clock.now())


def test_where_no_other_server_can_step_in_a_silent_one_gets_its_five_tries() -> None:
    watch = StopRules(tries=circuit_breaker.OPEN_AT)
    assert not any(
        watch.end_window(each, hangs=True) for each in _silences(watch, circuit_breaker.OPEN_AT - 1)
    )
    assert any(watch.end_window(9, hangs=True) for _each in _silences(watch, 1))


def _silences(watch: StopRules, number: int) -> Iterator[int]:
    for each in range(number):
        watch.see(Verdict(1, 1, State.PENDING, trouble=Trouble.UNREACHABLE))
        yield each


def test_an_operator_hears_of_a_server_that_refuses_us_while_the_other_goes_on(app: Flask) -> None:
    make_operator("boss@example.com")
    with SmtpServer(replies={"MAIL": "550 5.7.1 not you"}) as first, SmtpServer() as other:
        campaign = make_launched(first, people=10)
        second(other)
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.UNREACHABLE
        send(campaign)
    found = states(campaign)
    assert found["sent"] + found.get("deferred", 0) == 10
    assert found.get("deferred", 0) <= 1, "who got it before anybody confirmed it waits a little"
    notice = db.session.scalars(sa.select(Notice)).one()
    assert "not you" in notice.text
    assert "other servers" in notice.subject


def test_a_campaign_that_may_not_fail_over_waits(app: Flask) -> None:
    with SmtpServer() as other:
        campaign = make_launched(other, people=5, fails_over=False)
        db.session.scalars(sa.select(Server)).one().port = free_port()
        second(other)
        lane_runner.send(id_of(campaign), timing=BRISK)
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.STOPPED
    assert states(campaign) == {"pending": 5}
    assert not could_send(campaign, now=clock.now())


def test_no_server_for_the_domain_pauses_and_says_so(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=2)
        db.session.scalars(sa.select(Server)).one().sender_domains = "other.example"
        db.session.commit()
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.STOPPED
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.SERVER_DOWN)
    assert "example.com" in (found.pause_detail or "")


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_paused_campaign_goes_on_by_itself_where_that_is_wanted(
    each_database: Flask, goes_on: bool
) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
        settings_queries.site().resumes_by_itself = goes_on
        found = db.session.scalars(sa.select(Server)).one()
        found.port = free_port()
        db.session.commit()
        lane_runner.send(id_of(campaign), timing=BRISK)
        later = clock.now() + timedelta(minutes=31)
        assert server_outage.check(id_of(campaign), now=later)
        db.session.commit()
        due = server_outage.to_probe(now=later)
        assert bool(due) is goes_on
        if not goes_on:
            return
        assert not server_outage.probe(due[0], now=later), "still away"
        later += timedelta(minutes=16)
        found = settings_queries.server(due[0])
        found.port = server.port
        db.session.commit()
        assert server_outage.probe(due[0], now=later)
        assert fresh(campaign).status is Status.SENDING
        assert circuit_breaker.is_on_trial(settings_queries.server(due[0]))
        send(campaign)
    assert states(campaign) == {"sent": 3}
