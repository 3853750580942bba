"""Every change of a draft is kept, and an earlier version comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from campaigns.content.formats import Format
from campaigns.core.acting import Actor, acting_as
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.planning import services as planning_services
from campaigns.planning.attachments import queries as attachment_queries
from campaigns.planning.attachments import services as attachment_services
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.languages import services as language_services
from campaigns.planning.models import Campaign, Status
from campaigns.planning.templates import services as template_services
from campaigns.planning.versions import contents, keeping, queries, services, thinning
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import DraftVersion, Kind
from tests.factories import HOUR, NOON, make_campaign, make_cast_member, make_list

MINUTE = timedelta(minutes=1)


def save(
    campaign: Campaign,
    *,
    after: timedelta = timedelta(0),
    how: Kind | None = None,
    tab: str = "",
    **values: object,
) -> None:
    kind = how or Kind.AUTOSAVE
    planning_services.save_draft(
        campaign, version=campaign.version, values=values, now=NOON + after, how=How(kind, tab)
    )


def kinds(campaign: Campaign) -> list[Kind]:
    return [each.kind for each in reversed(queries.every_version(campaign.id))]


def subjects(campaign: Campaign) -> list[str]:
    found = reversed(queries.every_version(campaign.id))
    return [contents.unpack(each.content)["subject"] for each in found]


def ben() -> Actor:
    made = make_cast_member("ben")
    return Actor(made.email, made.id)


def test_what_was_there_first_is_a_version_too(each_database: Flask) -> None:
    campaign = make_campaign(subject="First")
    save(campaign, subject="Second")
    db.session.commit()
    assert kinds(campaign) == [Kind.START, Kind.AUTOSAVE]
    assert subjects(campaign) == ["First", "Second"]


def test_automatic_saves_of_five_minutes_are_one_version(each_database: Flask) -> None:
    campaign = make_campaign(subject="0")
    for minute in range(8):
        save(campaign, after=minute * MINUTE, subject=str(minute + 1), text=f"text {minute}")
    assert subjects(campaign) == ["0", "5", "8"]
    assert queries.version(campaign.id, 2).changed == ["subject", "text"]


@pytest.mark.parametrize("kind", [Kind.SAVE, Kind.CONVERSION])
def test_what_was_done_by_hand_is_a_version_of_its_own(app: Flask, kind: Kind) -> None:
    campaign = make_campaign(subject="0")
    save(campaign, subject="1")
    save(campaign, subject="2", how=kind)
    save(campaign, subject="3")
    assert kinds(campaign) == [Kind.START, Kind.AUTOSAVE, kind, Kind.AUTOSAVE]


def test_another_person_and_another_tab_begin_a_version(each_database: Flask) -> None:
    campaign = make_campaign(subject="0")
    save(campaign, subject="1", tab="one")
    save(campaign, subject="2", tab="two")
    with acting_as(ben()):
        save(campaign, subject="3", tab="two")
    assert subjects(campaign) == ["0", "1", "2", "3"]
    assert [each.who for each in queries.every_version(campaign.id)] == ["Ben", "", "", ""]


def test_a_save_by_hand_after_the_automatic_one_makes_it_final(app: Flask) -> None:
    campaign = make_campaign(subject="0")
    save(campaign, subject="1")
    save(campaign, subject="1", how=Kind.SAVE)
    assert kinds(campaign) == [Kind.START, Kind.SAVE]
    save(campaign, subject="2")
    assert subjects(campaign) == ["0", "1", "2"]


def test_a_restored_version_is_new_and_the_one_before_stays(each_database: Flask) -> None:
    letters, others = make_list("Letters"), make_list("Others")
    campaign = make_campaign(subject="First", html="<p>First</p>", lists=[letters], name="Old name")
    save(campaign, subject="Second", html="<p>Second</p>", lists=[others], name="New name")
    services.restore(campaign, queries.version(campaign.id, 1), now=NOON + HOUR)
    db.session.commit()
    assert (campaign.subject, campaign.html) == ("First", "<p>First</p>")
    assert (campaign.lists, campaign.name) == ([others], "New name")
    assert kinds(campaign) == [Kind.START, Kind.AUTOSAVE, Kind.RESTORE]
    services.restore(campaign, queries.version(campaign.id, 2), now=NOON + HOUR)
    assert (campaign.subject, campaign.html) == ("Second", "<p>Second</p>")


def test_a_restored_version_takes_no_attachment_event_language_or_template(each_database: Flask) -> None:
    campaign = make_campaign(subject="First")
    save(campaign, subject="Second")
    attachment_services.add(campaign, "plan.pdf", b"%PDF", now=NOON)
    attachment_services.set_event(
        campaign, title="Visit", starts_at=NOON, ends_at=NOON + HOUR, zone="Europe/Vienna", now=NOON
    )
    language_services.add(campaign, "de", now=NOON)
    template = template_services.template_of(campaign, name="Kept", by=None, now=NOON)
    services.restore(campaign, queries.version(campaign.id, 1), now=NOON + HOUR)
    db.session.commit()
    assert campaign.subject == "First"
    assert [each.name for each in attachment_queries.of(campaign)] == ["plan.pdf"]
    event = attachment_queries.event(campaign)
    assert event is not None
    assert event.title == "Visit"
    assert [each.subject for each in language_queries.translations(campaign.id)] == ["Second"]
    assert campaign.template_id == template.id


def test_a_version_of_another_format_comes_back_as_that(app: Flask) -> None:
    campaign = make_campaign(format=Format.MARKDOWN, written="# Hi", html="<h1>Hi</h1>")
    save(campaign, format=Format.HTML, html="<h1>Changed</h1>", how=Kind.CONVERSION)
    services.restore(campaign, queries.version(campaign.id, 1), now=NOON)
    assert (campaign.format, campaign.written) == (Format.MARKDOWN, "# Hi")


def test_what_was_sent_is_not_restored(app: Flask) -> None:
    campaign = make_campaign(subject="First")
    save(campaign, subject="Second")
    campaign.status = Status.FINISHED
    with pytest.raises(Conflict, match="Only drafts"):
        services.restore(campaign, queries.version(campaign.id, 1), now=NOON)


def test_a_named_version_outlives_all_others(each_database: Flask) -> None:
    campaign = make_campaign(subject="0")
    for number in range(1, 4):
        save(campaign, subject=str(number), how=Kind.SAVE)
    services.name_version(campaign, queries.version(campaign.id, 2), "  Approved\nby legal ", now=NOON)
    save(campaign, after=timedelta(days=30), subject="late", how=Kind.SAVE)
    assert subjects(campaign) == ["1", "3", "late"]
    assert queries.version(campaign.id, 2).name == "Approved by legal"
    with pytest.raises(NotFound):
        queries.version(campaign.id, 1)


def test_only_so_many_versions_have_a_name(app: Flask) -> None:
    campaign = make_campaign(subject="0")
    for number in range(services.MOST_NAMED + 1):
        save(campaign, subject=str(number + 1), how=Kind.SAVE)
        version = queries.current(campaign.id)
        assert version
        if number < services.MOST_NAMED:
            services.name_version(campaign, version, f"Name {number}", now=NOON)
    with pytest.raises(Invalid, match="too many"):
        services.name_version(campaign, version, "One more", now=NOON)
    with pytest.raises(Invalid, match="100 characters"):
        services.name_version(campaign, version, "n" * 101, now=NOON)


def test_versions_of_a_campaign_are_bounded(app: Flask) -> None:
    campaign = make_campaign(subject="0")
    for number in range(thinning.MOST + 20):
        save(campaign, subject=str(number + 1), how=Kind.SAVE)
    assert len(queries.every_version(campaign.id)) == thinning.MOST


def test_a_deleted_draft_takes_its_versions_along(each_database: Flask) -> None:
    campaign = make_campaign(subject="First")
    save(campaign, subject="Second")
    db.session.commit()
    planning_services.delete_campaign(campaign)
    db.session.commit()
    assert db.session.query(DraftVersion).count() == 0


def test_what_can_not_be_saved_is_kept_beside_the_draft(each_database: Flask) -> None:
    campaign = make_campaign(subject="Theirs")
    mine = {**contents.of(campaign), "subject": "Mine"}
    for subject in ("Mine", "Mine again"):
        mine = {**mine, "subject": subject}
        keeping.keep_aside(campaign, mine, ["subject"], saved_as=1, tab="one", now=NOON)
    db.session.commit()
    assert subjects(campaign) == ["Theirs", "Mine again"]
    assert kinds(campaign) == [Kind.START, Kind.CONFLICT]
    assert campaign.subject == "Theirs"
    current = queries.current(campaign.id)
    assert current and current.number == 1


def test_content_of_any_kind_is_packed_and_read_again() -> None:
    content = {"subject": "Grüße \ud800 😀", "html": "x" * 100_000, "lists": [[1, "列表"]], "server": None}
    data, sha = contents.pack(content)
    assert contents.unpack(data) == content
    assert len(data) < 1000
    assert contents.pack(dict(reversed(content.items())))[1] == sha
