"""Who gets a campaign: the funnel and the SELECT that the ledger is written from."""

from __future__ import annotations

from flask import Flask

from campaigns.audience.models import Origin, Status, Subscription, Suppression, SuppressionReason
from campaigns.core.db import db
from campaigns.delivery.models import Reason
from campaigns.planning import recipients
from campaigns.planning.recipients import Funnel, LeftOut
from tests.factories import NOON, make_campaign, make_list, make_subscriber


def suppress(address_key: str) -> None:
    row = Suppression(address_key=address_key, reason=SuppressionReason.OPERATOR, created_at=NOON)
    db.session.add(row)
    db.session.commit()


def join(subscriber_id: int, list_id: int, status: Status) -> None:
    row = Subscription(
        subscriber_id=subscriber_id,
        list_id=list_id,
        status=status,
        origin=Origin.OPERATOR,
        created_at=NOON,
        changed_at=NOON,
    )
    db.session.add(row)
    db.session.commit()


def test_each_subtraction_of_the_funnel_is_counted_once(each_database: Flask) -> None:
    one, two, other = make_list(), make_list(), make_list()
    make_subscriber(lists=[one])
    make_subscriber(lists=[one, two])
    make_subscriber(lists=[one], status=Status.UNCONFIRMED)
    make_subscriber(lists=[one, two], status=Status.UNSUBSCRIBED)
    make_subscriber(lists=[other])
    suppress(make_subscriber(lists=[two]).address_key)
    suppress(make_subscriber(lists=[two], status=Status.UNSUBSCRIBED).address_key)
    funnel = recipients.audience_of(make_campaign(lists=[one, two]))
    assert funnel == Funnel(on_lists=8, duplicates=2, unconfirmed=1, unsubscribed=2, suppressed=1)
    assert funnel.will_get_it == 2


def test_subscribed_on_one_of_the_lists_is_enough(each_database: Flask) -> None:
    one, two = make_list(), make_list()
    person = make_subscriber(lists=[one], status=Status.UNSUBSCRIBED)
    join(person.id, two.id, Status.SUBSCRIBED)
    rows = db.session.execute(recipients.select_for_ledger([one.id, two.id])).all()
    assert [tuple(row) for row in rows] == [(person.id, person.address_key, None)]
    rows = db.session.execute(recipients.select_for_ledger([one.id])).all()
    assert [row.reason for row in rows] == [LeftOut.UNSUBSCRIBED]


def test_without_lists_nobody_gets_it(app: Flask) -> None:
    make_subscriber(lists=[make_list()])
    assert recipients.funnel([]) == Funnel(0, 0, 0, 0, 0)


def test_the_ledger_knows_every_reason_for_leaving_somebody_out() -> None:
    assert {each.value for each in LeftOut} <= {each.value for each in Reason}


def test_previews_are_shown_as_people_who_will_get_it(app: Flask) -> None:
    letters = make_list()
    old, new = make_subscriber(lists=[letters]), make_subscriber(lists=[letters])
    make_subscriber(lists=[letters], status=Status.UNSUBSCRIBED)
    suppress(make_subscriber(lists=[letters]).address_key)
    assert recipients.some_who_get_it([letters.id], most=5) == [new, old]
