"""Whoever holds a link can't have rows written with it without end, and learns nothing from how long an answer takes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Consent, OptIn, Status, Subscription
from campaigns.core import clock, signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.public import pace, signup
from campaigns.settings import queries as settings_queries
from campaigns.tracking import services
from campaigns.tracking.models import Actor, Event, Kind
from campaigns.tracking.services import Visitor
from campaigns.tracking.statements import MOST_OF_A_KIND
from tests.factories import (
    HOUR,
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_revision,
    make_subscriber,
)

AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
READER = Visitor(AGENT["User-Agent"], "192.0.2.7")


@pytest.fixture
def letter(app: Flask) -> int:
    on = make_list()
    campaign = make_campaign(lists=[on])
    make_revision(campaign, links=("https://example.com/one", "https://example.com/two"))
    return make_delivery(campaign, make_subscriber("ann@example.org", lists=[on])).id


def token_of(delivery_id: int, purpose: Purpose) -> str:
    return signing.sign(settings_queries.link_key(), purpose, delivery_id)


def events(*kinds: Kind) -> int:
    db.session.expire_all()
    return db.session.scalar(sa.select(sa.func.count()).select_from(Event).where(Event.kind.in_(kinds))) or 0


def test_one_token_opened_three_hundred_times_is_one_visit(letter: int, client) -> None:
    path = f"/o/{token_of(letter, Purpose.TRACK)}.gif"
    assert {client.get(path, headers=AGENT).status_code for _each in range(300)} == {200}
    assert events(Kind.OPEN) < 5  # a slow machine may take longer than the ten seconds that make it one


def test_the_same_link_at_once_is_one_click_and_another_link_another(letter: int) -> None:
    for number in (1, 1, 2, 1):
        services.record_click(letter, number, READER, at=NOON)
    db.session.commit()
    assert events(Kind.CLICK) == 2


def test_a_reader_who_comes_back_is_counted_again(letter: int) -> None:
    for minute in range(3):
        services.record_open(letter, READER, at=NOON + timedelta(minutes=minute))
    db.session.commit()
    assert events(Kind.OPEN) == 3


def test_a_machine_hides_no_reader_behind_it(letter: int) -> None:
    at = NOON + HOUR
    services.record_open(letter, Visitor("curl/8", "192.0.2.7"), at=at)
    assert services.record_open(letter, READER, at=at) is Actor.HUMAN


def test_one_mail_has_a_bounded_number_of_opens_and_of_clicks(letter: int) -> None:
    for minute in range(MOST_OF_A_KIND + 20):
        services.record_open(letter, READER, at=NOON + timedelta(minutes=minute))
    services.record_click(letter, 1, READER, at=NOON)
    db.session.commit()
    assert (events(Kind.OPEN), events(Kind.CLICK)) == (MOST_OF_A_KIND, 1)


def test_one_network_has_fifty_things_written_a_second_and_others_theirs() -> None:
    at = 1e9
    assert [pace.is_within("192.0.2.1", now_s=at) for _each in range(60)].count(True) == pace.PER_SECOND
    assert not pace.is_within("192.0.2.99", now_s=at)  # the same network
    assert pace.is_within("198.51.100.1", now_s=at)
    assert pace.is_within("192.0.2.1", now_s=at + 1)


def test_beyond_that_the_link_still_leads_where_it_leads(
    letter: int, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "PER_SECOND", 0)
    answer = client.get(f"/c/{token_of(letter, Purpose.TRACK)}/1", headers=AGENT)
    assert answer.location == "https://example.com/one"
    assert events(Kind.CLICK) == 0


def test_changing_ones_mind_is_proven_twenty_times_an_hour_and_leaving_always_works(
    letter: int, client
) -> None:
    token = token_of(letter, Purpose.SUBSCRIPTION)
    list_id = db.session.scalar(sa.select(Subscription.list_id))
    statuses = []
    for _each in range(64):
        statuses.append(client.post(f"/p/{token}", data={"list": [list_id]}, csrf=False).status_code)
        assert client.post(f"/p/{token}", csrf=False).status_code == 200
    assert (statuses.count(200), statuses.count(429)) == (20, 44)
    assert (db.session.scalar(sa.select(sa.func.count()).select_from(Consent)) or 0) <= 42
    db.session.expire_all()
    assert db.session.scalar(sa.select(Subscription.status)) is Status.UNSUBSCRIBED
    assert client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}, csrf=False).status_code == 200


def test_undoing_has_the_same_bound_however_the_token_is_written(letter: int, client) -> None:
    token = token_of(letter, Purpose.SUBSCRIPTION)
    found = [client.post(f"/u/{form}/undo", csrf=False).status_code for form in (token, token.upper()) * 15]
    assert found.count(200) == 20


@pytest.mark.parametrize("email", ["known@example.org", "new@example.org", "left@example.org"])
def test_signing_up_takes_as_long_whoever_it_is(
    app: Flask, client, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    """No shorter than the steady time, in which all that differs has its place."""
    monkeypatch.setattr(signup, "STEADY_S", 0.4)
    wanted = make_list(is_public=True, opt_in=OptIn.DOUBLE)
    make_subscriber("known@example.org", lists=[wanted])
    left = make_subscriber("left@example.org", lists=[wanted])
    db.session.execute(
        sa.update(Subscription)
        .where(Subscription.subscriber_id == left.id)
        .values(status=Status.UNSUBSCRIBED)
    )
    db.session.commit()
    stamp = int(clock.now().timestamp()) - 60
    begun = signing.sign(settings_queries.link_key(), Purpose.CONFIRM, stamp)
    path = f"/s/{wanted.public_id}"
    db.session.remove()
    began = time.monotonic()
    answer = client.post(path, data={"email": email, "begun": begun}, csrf=False)
    assert answer.status_code == 200
    assert time.monotonic() - began >= 0.4
