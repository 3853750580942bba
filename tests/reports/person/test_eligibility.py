"""Whether a person would get a campaign, and why: the same answer as sending gives."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.audience import suppressing
from campaigns.audience.models import Origin, Status, Subscriber, Subscription, SuppressionReason
from campaigns.audience.segments.explaining import Part
from campaigns.audience.segments.models import Segment
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from campaigns.planning.models import Status as CampaignStatus
from campaigns.planning.recipients import meant_by, select_for_ledger
from campaigns.reports.person import eligibility, page
from tests.factories import NOON, make_campaign, make_field, make_list, make_subscriber


def make_segment(name: str, city: str) -> Segment:
    rule = {"subject": "field", "of": "city", "operator": "is", "value": city}
    made = Segment(
        name=name,
        rule={"version": 1, "match": "all", "rules": [rule]},
        version=1,
        created_at=NOON,
        updated_at=NOON,
    )
    db.session.add(made)
    db.session.commit()
    return made


def hold(person: Subscriber, list_, status: Status | None) -> None:
    if status:
        same = {"origin": Origin.FORM, "created_at": NOON, "changed_at": NOON}
        db.session.add(Subscription(list_id=list_.id, subscriber_id=person.id, status=status, **same))
        db.session.commit()


def would_be_sent(campaign: Campaign, person: Subscriber) -> bool:
    """What the statement says that writes the ledger."""
    people = select_for_ledger(meant_by(campaign, at=NOON)).subquery()
    found = sa.select(people.c.subscriber_id).where(
        people.c.subscriber_id == person.id, people.c.reason.is_(None)
    )
    return db.session.scalar(found) is not None


def sentences(part: Part) -> list[tuple[str, bool | None]]:
    return [(each.sentence, each.holds) for each in part.parts]


STATUSES = st.sampled_from([None, *Status])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    on=st.lists(STATUSES, min_size=1, max_size=2),
    off=STATUSES,
    leaves_out_a_list=st.booleans(),
    inside=st.booleans(),
    outside=st.booleans(),
    city=st.sampled_from(["Graz", "Linz", ""]),
    is_suppressed=st.booleans(),
)
def test_the_answer_is_what_sending_does(
    app: Flask, on, off, leaves_out_a_list, inside, outside, city, is_suppressed
) -> None:
    if not db.session.query(Segment).count():
        make_field("city")
        make_segment("Styria", "Graz")
        make_segment("Upper Austria", "Linz")
    styria, upper = db.session.query(Segment).order_by(Segment.id)
    person = make_subscriber(fields={"city": city} if city else {})
    lists, left_out = [make_list() for _status in on], make_list()
    for each, status in zip(lists, on, strict=True):
        hold(person, each, status)
    hold(person, left_out, off)
    if is_suppressed:
        suppressing.suppress(person.email, reason=SuppressionReason.OPERATOR, now=NOON)
    campaign = make_campaign(
        lists=lists,
        excluded_lists=[left_out] if leaves_out_a_list else [],
        segments=[styria] if inside else [],
        excluded_segments=[upper] if outside else [],
    )
    assert eligibility.why_campaign(campaign, person, now=NOON).holds == would_be_sent(campaign, person)


def test_each_step_is_a_plain_line(each_database: Flask) -> None:
    make_field("city", label="City")
    ann, loft, press = make_subscriber(fields={"city": "Graz"}), make_list("Loft"), make_list("Press")
    hold(ann, loft, Status.SUBSCRIBED)
    hold(ann, press, Status.UNSUBSCRIBED)
    campaign = make_campaign(
        name="Spring", lists=[loft], segments=[make_segment("Styria", "Graz")], excluded_lists=[press]
    )
    why = eligibility.why_campaign(campaign, ann, now=NOON)
    assert (why.sentence, why.holds) == ("Spring", False)
    assert sentences(why) == [
        ("On Loft, subscribed", True),
        ("In one of the campaign's segments", True),
        ("On no list that the campaign leaves out", False),
        ("The address is not suppressed", True),
    ]
    assert sentences(why.parts[1]) == [("In Styria", True)]
    assert sentences(why.parts[2]) == [("On Press", False)]


def test_a_list_asks_for_the_subscription_and_the_address(each_database: Flask) -> None:
    ann, loft = make_subscriber(), make_list("Loft")
    hold(ann, loft, Status.UNCONFIRMED)
    suppressing.suppress(ann.email, reason=SuppressionReason.COMPLAINT, now=NOON)
    why = eligibility.why_list(loft, ann)
    assert sentences(why) == [
        ("On Loft, but not confirmed", False),
        ("The address is suppressed: Marked an email as spam", False),
    ]


def test_a_segment_that_needs_a_correction_says_so(app: Flask) -> None:
    ann, loft = make_subscriber(), make_list()
    hold(ann, loft, Status.SUBSCRIBED)
    campaign = make_campaign(lists=[loft], segments=[make_segment("Styria", "Graz")])  # without the field
    why = eligibility.why_campaign(campaign, ann, now=NOON)
    assert not why.holds
    assert "needs a correction" in why.parts[1].parts[0].sentence


def test_only_what_is_not_sent_yet_can_be_asked_about(app: Flask) -> None:
    names = {
        CampaignStatus.DRAFT: "Spring",
        CampaignStatus.SCHEDULED: "Summer",
        CampaignStatus.FINISHED: "Old",
    }
    for status, name in names.items():
        make_campaign(name=name, status=status)
    assert sorted(name for _value, name in page.campaigns_to_ask()) == ["Spring", "Summer"]


@pytest.mark.parametrize("asked", ["", "list-", "list-x", "list-99", "campaign-99", "tag-1", f"list-{2**40}"])
def test_a_question_about_nothing_has_no_answer(app: Flask, asked: str) -> None:
    assert page.answer(make_subscriber(), asked, now=NOON) is None
