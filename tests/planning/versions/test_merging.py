"""Two people save the same draft."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign, Status
from campaigns.planning.versions import contents, queries, saving
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import Kind
from campaigns.planning.versions.saving import Clash, Written
from tests.factories import NOON, make_campaign


def save(campaign: Campaign, version: int, changed: set[str] | None = None, **values: Any) -> list[str]:
    written = Written(values, version, changed)
    theirs = saving.save(campaign, written, how=How(Kind.AUTOSAVE, f"tab {values}"), now=NOON)
    db.session.commit()
    return theirs


def test_different_fields_are_both_kept(each_database: Flask) -> None:
    campaign = make_campaign(name="Old", subject="Old")
    save(campaign, 1, {"name"}, name="New name", subject="Old")
    theirs = save(campaign, 1, {"subject"}, name="Old", subject="New subject")
    assert (campaign.name, campaign.subject, theirs) == ("New name", "New subject", ["name"])
    assert campaign.version == 3


def test_without_script_what_others_left_alone_is_merged(each_database: Flask) -> None:
    campaign = make_campaign(name="Old", subject="Old", preheader="Old")
    save(campaign, 1, {"subject"}, subject="Theirs")
    with pytest.raises(Clash):
        save(campaign, 1, None, name="Old", subject="Old", preheader="Mine")
    assert save(campaign, 1, None, name="Old", subject="Theirs", preheader="Mine") == ["subject"]
    assert (campaign.subject, campaign.preheader) == ("Theirs", "Mine")


def test_the_same_field_is_a_clash_and_nothing_is_saved(each_database: Flask) -> None:
    campaign = make_campaign(subject="Old", preheader="Old")
    save(campaign, 1, {"subject"}, subject="Theirs")
    with pytest.raises(Clash, match="Subject was changed"):
        save(campaign, 1, {"subject", "preheader"}, subject="Mine", preheader="Mine")
    db.session.rollback()
    found = planning_queries.campaign(campaign.id)
    assert (found.subject, found.preheader, found.version) == ("Theirs", "Old", 2)


def test_the_same_value_in_the_same_field_is_no_clash(app: Flask) -> None:
    campaign = make_campaign(subject="Old", preheader="Old")
    save(campaign, 1, {"subject"}, subject="Both")
    assert save(campaign, 1, {"subject", "preheader"}, subject="Both", preheader="Mine") == ["subject"]
    assert campaign.preheader == "Mine"


def test_half_of_a_sender_is_not_merged_with_half_of_another(app: Flask) -> None:
    campaign = make_campaign(from_name="A", from_email="a@example.com")
    save(campaign, 1, {"from_name", "from_email"}, from_name="B", from_email="a@example.com")
    with pytest.raises(Clash):
        save(campaign, 1, {"from_name", "from_email"}, from_name="A", from_email="c@example.com")


def test_what_was_scheduled_meanwhile_is_not_merged_into(app: Flask) -> None:
    campaign = make_campaign(subject="Old")
    save(campaign, 1, {"subject"}, subject="Theirs")
    campaign.status = Status.SCHEDULED
    db.session.commit()
    with pytest.raises(Conflict, match="no longer a draft"):
        save(campaign, 1, {"name"}, name="Mine")


def test_a_draft_of_which_nothing_is_known_is_not_merged_into(app: Flask) -> None:
    campaign = make_campaign(subject="Old", version=7)
    with pytest.raises(Clash):
        save(campaign, 5, {"subject"}, subject="Mine")


def test_what_lost_is_kept_with_what_was_changed_alone(app: Flask) -> None:
    campaign = make_campaign(name="Old", subject="Old")
    save(campaign, 1, {"name", "subject"}, name="Theirs", subject="Theirs")
    mine = Written({"name": "Old", "subject": "Mine"}, 1, {"subject"})
    kept = saving.set_aside(campaign, mine, tab="", now=NOON)
    assert kept
    content = contents.unpack(kept.content)
    assert (content["name"], content["subject"], kept.changed) == ("Theirs", "Mine", ["subject"])
    assert saving.set_aside(campaign, Written({"subject": "Theirs"}, 1), tab="", now=NOON) is None


def test_many_who_save_different_fields_at_once_lose_nothing(each_database: Flask) -> None:
    campaign_id = make_campaign(name="0", subject="0", preheader="0").id
    db.session.commit()
    db.session.remove()
    failed: list[Exception] = []

    def write(field: str) -> None:
        with each_database.app_context():
            for number in range(1, 9):
                known = planning_queries.campaign(campaign_id).version
                db.session.rollback()
                written = Written({field: str(number)}, known, {field})
                try:
                    saving.save(
                        planning_queries.campaign(campaign_id),
                        written,
                        how=How(Kind.AUTOSAVE, field),
                        now=NOON,
                    )
                    db.session.commit()
                except Exception as error:
                    failed.append(error)
                    db.session.rollback()
            db.session.remove()

    threads = [threading.Thread(target=write, args=(field,)) for field in ("name", "subject", "preheader")]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    found = planning_queries.campaign(campaign_id)
    assert failed == []
    assert (found.name, found.subject, found.preheader) == ("8", "8", "8")
    numbers = [each.number for each in queries.every_version(campaign_id)]
    assert len(numbers) == len(set(numbers))
