"""Who gets a campaign: the funnel and the SELECT that the ledger is written from."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.fields import delete_field
from campaigns.audience.models import (
    Field,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.delivery.models import Reason
from campaigns.planning import preflight, recipients
from campaigns.planning import services as planning_services
from campaigns.planning.lists.services import delete_list
from campaigns.planning.models import Campaign
from campaigns.planning.models import Status as CampaignStatus
from campaigns.planning.recipients import Audience, Funnel, LeftOut, meant_by
from campaigns.planning.segments.services import delete as delete_segment
from tests.audience.segments.crowds import make_segment
from tests.factories import NOON, make_campaign, make_field, make_list, make_subscriber

IN_VIENNA = {"subject": "field", "of": "city", "operator": "is", "value": "Vienna"}


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
    rows = db.session.execute(recipients.select_for_ledger(Audience([one.id, two.id]))).all()
    assert [tuple(row) for row in rows] == [(person.id, person.address_key, None)]
    rows = db.session.execute(recipients.select_for_ledger(Audience([one.id]))).all()
    assert [row.reason for row in rows] == [LeftOut.UNSUBSCRIBED]


def test_without_lists_nobody_gets_it(app: Flask) -> None:
    make_subscriber(lists=[make_list()])
    assert recipients.funnel(Audience([])) == Funnel(0, 0, 0, 0, 0)


def test_the_ledger_knows_every_reason_for_leaving_somebody_out() -> None:
    assert {each.value for each in LeftOut} <= {each.value for each in Reason}


def test_previews_are_shown_as_people_who_will_get_it(app: Flask) -> None:
    letters = make_list()
    old, new = make_subscriber(lists=[letters]), make_subscriber(lists=[letters])
    make_subscriber(lists=[letters], status=Status.UNSUBSCRIBED)
    suppress(make_subscriber(lists=[letters]).address_key)
    assert recipients.some_who_get_it(Audience([letters.id]), most=5) == [new, old]


def make_narrowed(**values: Any) -> Campaign:
    """A campaign to a list of five: two in Vienna, one of them a customer, one in Graz, one unsubscribed."""
    make_field("city")
    news, customers = make_list("News"), make_list("Customers")
    for name, city, lists in (
        ("ana", "Vienna", [news, customers]),
        ("ben", "Vienna", [news]),
        ("cleo", "Graz", [news]),
        ("dan", "", [news]),
    ):
        make_subscriber(f"{name}@example.org", fields={"city": city}, lists=lists)
    make_subscriber("eve@example.org", fields={"city": "Vienna"}, lists=[news], status=Status.UNSUBSCRIBED)
    named = {
        "vienna": make_segment("Vienna", IN_VIENNA),
        "graz": make_segment("Graz", {**IN_VIENNA, "value": "Graz"}),
        "customers": customers,
        "clients": make_segment("Clients", {"subject": "list", "of": customers.id, "operator": "on"}),
    }
    chosen = {field: [named[name] for name in names] for field, names in values.items()}
    return make_campaign(lists=[news], **chosen)


def who_gets(campaign: Campaign) -> set[str]:
    return {each.email.split("@")[0] for each in recipients.some_who_get_it(meant_by(campaign), most=9)}


@pytest.mark.parametrize(
    ("narrowing", "who"),
    [
        ({}, {"ana", "ben", "cleo", "dan"}),
        ({"segments": ["vienna"]}, {"ana", "ben"}),
        ({"segments": ["vienna", "graz"]}, {"ana", "ben", "cleo"}),
        ({"excluded_segments": ["vienna"]}, {"cleo", "dan"}),
        ({"excluded_lists": ["customers"]}, {"ben", "cleo", "dan"}),
        ({"segments": ["vienna"], "excluded_lists": ["customers"]}, {"ben"}),
        ({"segments": ["clients"]}, {"ana"}),
        ({"excluded_segments": ["clients"]}, {"ben", "cleo", "dan"}),
        ({"segments": ["vienna"], "excluded_segments": ["vienna"]}, set()),
    ],
)
def test_segments_narrow_the_lists_and_exclusions_come_off(
    each_database: Flask, narrowing: dict[str, list[str]], who: set[str]
) -> None:
    campaign = make_narrowed(**narrowing)
    funnel = recipients.audience_of(campaign)
    assert who_gets(campaign) == who
    assert funnel.will_get_it == len(who)
    assert (funnel.on_lists, funnel.unsubscribed) == (5, 1)


def test_the_ledger_says_why_each_person_was_left_out(each_database: Flask) -> None:
    campaign = make_narrowed(segments=["vienna"], excluded_lists=["customers"])
    people = recipients.select_for_ledger(meant_by(campaign)).subquery()
    rows = db.session.execute(
        sa.select(Subscriber.email, people.c.reason).join(people, people.c.subscriber_id == Subscriber.id)
    )
    assert {email.split("@")[0]: reason for email, reason in rows} == {
        "ana": Reason.EXCLUDED,
        "ben": None,
        "cleo": Reason.NOT_IN_SEGMENT,
        "dan": Reason.NOT_IN_SEGMENT,
        "eve": Reason.UNSUBSCRIBED,
    }


def test_a_segment_that_needs_a_correction_stops_the_campaign_and_reaches_nobody(app: Flask) -> None:
    campaign = make_narrowed(excluded_segments=["vienna"])
    delete_field(db.session.scalars(sa.select(Field)).one())
    found = [each for each in preflight.of(campaign).must_fix if each.where == "lists"]
    assert "Vienna" in str(found[0].sentence)
    with pytest.raises(Invalid):
        meant_by(campaign)


def test_what_leaves_people_out_cannot_be_deleted_while_a_draft_uses_it(app: Flask) -> None:
    campaign = make_narrowed(excluded_segments=["vienna"], excluded_lists=["customers"])
    with pytest.raises(Conflict, match=campaign.name):
        delete_segment(campaign.excluded_segments[0])
    with pytest.raises(Conflict, match=campaign.name):
        delete_list(campaign.excluded_lists[0])
    campaign.status = CampaignStatus.FINISHED
    db.session.commit()
    delete_segment(campaign.excluded_segments[0])
    delete_list(campaign.excluded_lists[0])


def test_a_copy_goes_to_the_same_people(app: Flask) -> None:
    campaign = make_narrowed(segments=["vienna"], excluded_lists=["customers"])
    made = planning_services.copy_campaign(campaign, now=NOON)
    assert who_gets(made) == {"ben"}
