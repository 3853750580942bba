"""Drafts, schedules and revisions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from campaigns.content.language.merge_text import ContentError
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.planning import drafts, queries, services
from campaigns.planning.models import Campaign, Link, Status
from tests.factories import HOUR, NOON, make_campaign, make_list, make_server, make_subscriber


def make_ready(**values: object) -> Campaign:
    """A campaign that nothing keeps from going out."""
    letters = make_list()
    make_subscriber(lists=[letters])
    make_server(is_default=True)
    return make_campaign(lists=[letters], **values)


def test_a_new_campaign_is_a_draft_with_clean_lines(app: Flask) -> None:
    letters = make_list()
    made = services.create_campaign(
        name="  Autumn\r\nBcc: evil@example.com ",
        subject="Hi\u2028\tthere\0",
        from_email="News@EXAMPLE.com",
        lists=[letters],
        html="<p>a\r\nb\0</p>",
        now=NOON,
    )
    db.session.commit()
    assert made.status is Status.DRAFT
    assert made.name == "Autumn Bcc: evil@example.com"
    assert made.subject == "Hi there"
    assert made.from_email == "News@example.com"
    assert made.html == "<p>a\nb</p>"
    assert made.lists == [letters]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "n" * 201),
        ("subject", "s" * 501),
        ("reply_to", "nobody"),
        ("from_email", "a@b\r\nBcc: c@example.com"),
        ("html", "x" * 600_000),
    ],
)
def test_what_a_draft_can_not_hold_is_refused_at_its_field(app: Flask, field: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        drafts.cleaned({"name": "Autumn", field: value})
    assert refused.value.field == field


def test_the_second_of_two_tabs_overwrites_nothing(each_database: Flask) -> None:
    campaign = make_campaign(subject="Old")
    services.save_draft(campaign, version=1, values={"subject": "First"}, now=NOON)
    with pytest.raises(Conflict, match="another tab"):
        services.save_draft(campaign, version=1, values={"subject": "Second"}, now=NOON)
    services.save_draft(campaign, version=2, values={"subject": "Both"}, now=NOON)
    db.session.commit()
    assert (campaign.subject, campaign.version) == ("Both", 3)


def test_what_is_scheduled_is_not_changed_any_more(app: Flask) -> None:
    campaign = make_campaign(status=Status.SCHEDULED)
    with pytest.raises(Conflict, match="no longer a draft"):
        services.save_draft(campaign, version=1, values={"subject": "Late"}, now=NOON)


def test_a_save_of_lists_replaces_them(app: Flask) -> None:
    old, new = make_list(), make_list()
    campaign = make_campaign(lists=[old])
    services.save_draft(campaign, version=1, values={"lists": [new]}, now=NOON)
    db.session.commit()
    assert campaign.lists == [new]


def test_a_copy_says_the_same_to_the_same_lists(app: Flask) -> None:
    campaign = make_ready(status=Status.FINISHED, reply_to="back@example.com", name="n" * 200)
    made = services.copy_campaign(campaign, now=NOON + HOUR)
    db.session.commit()
    assert made.status is Status.DRAFT
    assert (made.subject, made.html, made.lists) == (campaign.subject, campaign.html, campaign.lists)
    assert made.reply_to == "back@example.com"
    assert made.name.endswith("(copy)")
    assert len(made.name) == 200


def test_only_what_never_went_out_is_deleted(each_database: Flask) -> None:
    draft = make_ready()
    services.delete_campaign(draft)
    db.session.commit()
    assert queries.index_rows().total == 0
    with pytest.raises(Conflict, match="Only drafts"):
        services.delete_campaign(make_campaign(status=Status.FINISHED))
    with pytest.raises(Conflict, match="Only drafts"):
        services.delete_campaign(make_campaign(status=Status.CANCELLED, revision_id=7))
    services.delete_campaign(make_campaign(status=Status.CANCELLED))


def test_a_schedule_waits_for_its_time_and_can_be_taken_back(each_database: Flask) -> None:
    campaign = make_ready()
    services.schedule(campaign, at=NOON + HOUR, now=NOON, version=campaign.version)
    db.session.commit()
    assert (campaign.status, campaign.send_at) == (Status.SCHEDULED, NOON + HOUR)
    services.unschedule(campaign, now=NOON)
    db.session.commit()
    assert (campaign.status, campaign.send_at) == (Status.DRAFT, None)


def test_at_once_is_at_this_moment(app: Flask) -> None:
    campaign = make_ready()
    services.schedule(campaign, at=NOON - timedelta(seconds=30), now=NOON)
    assert campaign.send_at == NOON


@pytest.mark.parametrize("away", [-HOUR, timedelta(days=400)])
def test_a_time_that_can_not_be_meant_is_refused(app: Flask, away: timedelta) -> None:
    campaign = make_ready()
    with pytest.raises(Invalid) as refused:
        services.schedule(campaign, at=NOON + away, now=NOON)
    assert refused.value.field == "at"


def test_what_must_be_fixed_keeps_a_campaign_from_going_out(app: Flask) -> None:
    campaign = make_campaign(subject="", html="<p>{% for %}</p>")
    with pytest.raises(Invalid) as refused:
        services.schedule(campaign, at=NOON, now=NOON)
    said = str(refused.value)
    assert "Enter a subject." in said
    assert "Choose at least one list" in said
    assert "No sending server accepts" in said
    assert campaign.status is Status.DRAFT


def test_the_second_schedule_of_a_draft_is_refused(each_database: Flask) -> None:
    campaign = make_ready()
    services.schedule(campaign, at=NOON + HOUR, now=NOON)
    with pytest.raises(Conflict, match="already scheduled"):
        services.schedule(campaign, at=NOON + 2 * HOUR, now=NOON)
    assert campaign.send_at == NOON + HOUR


def test_a_draft_that_changed_since_its_check_is_not_scheduled(app: Flask) -> None:
    campaign = make_ready()
    services.save_draft(campaign, version=1, values={"subject": "Other"}, now=NOON)
    with pytest.raises(Conflict, match="has changed"):
        services.schedule(campaign, at=NOON, now=NOON, version=1)


def test_a_revision_keeps_what_was_said_and_its_links(each_database: Flask) -> None:
    campaign = make_ready()
    revision = services.freeze_revision(campaign, NOON)
    db.session.commit()
    assert (campaign.revision_id, revision.subject) == (revision.id, campaign.subject)
    urls = {link.number: link.url for link in db.session.query(Link).filter_by(revision_id=revision.id)}
    assert urls == {1: "https://example.com/one", 2: "https://example.com/two"}
    found = queries.link(revision.id, 2)
    assert found and found.url == "https://example.com/two"
    assert queries.link(revision.id, 3) is None


def test_equal_content_has_an_equal_fingerprint(app: Flask) -> None:
    campaign = make_ready()
    first, second = services.freeze_revision(campaign, NOON), services.freeze_revision(campaign, NOON)
    services.save_draft(campaign, version=1, values={"subject": "Other"}, now=NOON)
    third = services.freeze_revision(campaign, NOON)
    assert first.sha256 == second.sha256 != third.sha256


def test_content_that_can_not_be_a_mail_is_not_frozen(app: Flask) -> None:
    with pytest.raises(ContentError):
        services.freeze_revision(make_ready(html="{{ 9**9 }}"), NOON)


def test_campaigns_are_found_by_status_and_by_what_they_say(app: Flask) -> None:
    make_campaign(name="Autumn flight", html="<p>soup_1</p>")
    make_campaign(name="Winter", subject="The flight is over", status=Status.PAUSED)
    make_campaign(name="Spring", text="100% birds", status=Status.FINISHED)
    assert [each.name for each in queries.index_rows(search="FLIGHT").items] == ["Winter", "Autumn flight"]
    assert [each.name for each in queries.index_rows(search="soup_1 autumn").items] == ["Autumn flight"]
    assert queries.index_rows(search="soupX1").total == 0
    assert [each.name for each in queries.index_rows(search="100%").items] == ["Spring"]
    assert [each.name for each in queries.index_rows(statuses=(Status.PAUSED,)).items] == ["Winter"]
    assert queries.count_by_filter("flight") == {
        "all": 2,
        "draft": 1,
        "scheduled": 0,
        "under-way": 1,
        "finished": 0,
        "cancelled": 0,
    }
