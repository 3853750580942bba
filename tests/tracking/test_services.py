"""Events as they are written down: the ledger's first open and click are a person's, whatever comes first."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.delivery.models import Delivery
from campaigns.tracking import services
from campaigns.tracking.models import Actor, Event
from campaigns.tracking.services import Visitor
from tests.factories import (
    HOUR,
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_revision,
    make_subscriber,
)

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HOME = Visitor(agent=BROWSER, ip="198.51.100.7")
GATEWAY = Visitor(agent=BROWSER, ip="203.0.113.9")  # looks like a browser, from nowhere known
APPLE = Visitor(agent="Mozilla/5.0", ip="192.0.2.4")


@pytest.fixture
def mail(each_database: Flask) -> int:
    letters = make_list()
    campaign = make_campaign(lists=[letters])
    make_revision(campaign, links=tuple(f"https://example.com/{number}" for number in range(1, 7)))
    return make_delivery(campaign, make_subscriber(lists=[letters])).id


def ledger(delivery_id: int) -> tuple[datetime | None, datetime | None]:
    row = db.session.get_one(Delivery, delivery_id, populate_existing=True)
    return row.opened_at, row.clicked_at


def scan(delivery_id: int, start: datetime) -> None:
    """What a gateway does: the picture, then every link within two seconds."""
    services.record_open(delivery_id, GATEWAY, at=start)
    for number in range(1, 7):
        at = start + timedelta(seconds=9 + number * 0.3)
        services.record_click(delivery_id, number, GATEWAY, at=at)


def test_a_machines_open_never_stands_in_the_ledger_and_a_later_person_does(mail: int) -> None:
    services.record_open(mail, APPLE, at=NOON + HOUR)
    assert ledger(mail) == (None, None)
    services.record_open(mail, HOME, at=NOON + 2 * HOUR)
    services.record_open(mail, HOME, at=NOON + 3 * HOUR)
    assert ledger(mail) == (NOON + 2 * HOUR, None)


def test_a_burst_takes_back_what_it_seemed_to_be(mail: int) -> None:
    scan(mail, NOON + timedelta(seconds=40))
    assert ledger(mail) == (None, None)
    verdicts = set(db.session.scalars(sa.select(Event.verdict)))
    assert verdicts == {Actor.MACHINE}
    assert set(db.session.scalars(sa.select(Event.signals))) == {"T7"}


def test_a_burst_does_not_stay_on_the_person(mail: int) -> None:
    person = db.session.get_one(Delivery, mail).subscriber_id
    services.record_open(mail, HOME, at=NOON + timedelta(seconds=10))
    scan(mail, NOON + timedelta(seconds=40))
    found = db.session.get_one(Subscriber, person, populate_existing=True)
    assert (found.last_opened_at, found.last_clicked_at) == (NOON + timedelta(seconds=10), None)


def test_a_burst_leaves_a_persons_click_from_elsewhere(mail: int) -> None:
    services.record_click(mail, 2, HOME, at=NOON + timedelta(seconds=45))
    scan(mail, NOON + timedelta(seconds=40))
    assert ledger(mail) == (NOON + timedelta(seconds=45), NOON + timedelta(seconds=45))


def test_a_person_who_clicks_after_the_gateway_is_counted(mail: int) -> None:
    scan(mail, NOON + timedelta(seconds=40))
    services.record_click(mail, 3, HOME, at=NOON + HOUR)
    assert ledger(mail) == (NOON + HOUR, NOON + HOUR)


def test_a_reader_behind_the_same_network_is_counted_once_the_burst_is_over(mail: int) -> None:
    scan(mail, NOON + timedelta(seconds=40))
    services.record_click(mail, 3, GATEWAY, at=NOON + HOUR)
    assert ledger(mail) == (NOON + HOUR, NOON + HOUR)


def test_two_hundred_people_of_one_office_are_people(each_database: Flask) -> None:
    letters = make_list()
    campaign = make_campaign(lists=[letters])
    make_revision(campaign, links=("https://example.com/1",))
    mails = [make_delivery(campaign, make_subscriber(lists=[letters])).id for _each in range(200)]
    for number, delivery_id in enumerate(mails):
        services.record_click(delivery_id, 1, GATEWAY, at=NOON + timedelta(minutes=2, seconds=number))
    assert set(db.session.scalars(sa.select(Event.verdict))) == {Actor.HUMAN}


def test_the_network_is_kept_and_the_address_is_not(mail: int) -> None:
    services.record_open(mail, HOME, at=NOON + HOUR)
    assert db.session.scalars(sa.select(Event.network)).one() == "198.51.100.0"


def test_an_event_of_no_mail_is_nothing(each_database: Flask) -> None:
    assert services.record_open(999, HOME, at=NOON) is None
    assert services.record_click(999, 1, HOME, at=NOON) is None
    assert db.session.scalar(sa.select(Event.id)) is None
