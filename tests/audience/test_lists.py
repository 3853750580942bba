"""Many lists: labels, archiving and merging."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports.models import ImportStatus
from campaigns.audience.listing import queries as listing_queries
from campaigns.audience.listing import services
from campaigns.audience.models import List, Status, Subscription
from campaigns.audience.segments.models import Segment
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.core.errors import Conflict, NotFound
from campaigns.planning.lists import merging
from campaigns.planning.models import Status as CampaignStatus
from tests.audience.imports.files import make_import
from tests.factories import NOON, make_campaign, make_list, make_subscriber


def on(email: str, list_: List, status: Status) -> None:
    make_subscriber(email, lists=[list_], status=status)


def join(email: str, list_: List, status: Status) -> None:
    person = queries.person_by_address(email)
    db.session.add(
        Subscription(
            list_id=list_.id,
            subscriber_id=person.id,
            status=status,
            origin="form",
            created_at=NOON,
            changed_at=NOON,
        )
    )
    db.session.commit()


def statuses(list_: List) -> dict[str, str]:
    db.session.expire_all()
    rows = db.session.query(Subscription).filter_by(list_id=list_.id)
    return {each.subscriber.email.partition("@")[0]: each.status.value for each in rows}


def test_a_merge_keeps_the_better_consent(each_database: Flask) -> None:
    old, kept = make_list("Old"), make_list("Kept")
    for name, here, there in (
        ("new", Status.SUBSCRIBED, None),
        ("left", Status.UNSUBSCRIBED, None),
        ("gone", Status.SUBSCRIBED, Status.UNSUBSCRIBED),
        ("agreed", Status.SUBSCRIBED, Status.UNCONFIRMED),
        ("both", Status.UNSUBSCRIBED, Status.SUBSCRIBED),
    ):
        on(f"{name}@example.org", old, here)
        if there:
            join(f"{name}@example.org", kept, there)
    assert merging.count(old, kept) == merging.Count(total=5, new=2, confirmed=1, stay_unsubscribed=1)
    merging.merge(old, kept, now=NOON)
    db.session.commit()
    assert statuses(kept) == {
        "new": "subscribed",
        "left": "unsubscribed",
        "gone": "unsubscribed",
        "agreed": "subscribed",
        "both": "subscribed",
    }
    assert [each.name for each in queries.lists()] == ["Kept"]
    entry = db.session.query(AuditEntry).filter_by(action="list.merged").one()
    assert (entry.subject, entry.details) == ("Old", {"into": "Kept", "people": 5})


def test_campaigns_and_segments_follow_a_merge(each_database: Flask) -> None:
    old, kept = make_list("Old"), make_list("Kept")
    draft, sent = make_campaign(lists=[old, kept]), make_campaign(lists=[old], status=CampaignStatus.FINISHED)
    condition = {"subject": "list", "of": old.id, "operator": "on"}
    rule = {"version": 1, "match": "all", "rules": [condition]}
    segment = Segment(name="Readers", rule=rule, version=1, created_at=NOON, updated_at=NOON)
    db.session.add(segment)
    db.session.commit()
    merging.merge(old, kept, now=NOON)
    db.session.commit()
    db.session.expire_all()
    assert [each.name for each in draft.lists] == [each.name for each in sent.lists] == ["Kept"]
    assert segment.rule["rules"][0]["of"] == kept.id
    assert (draft.version, draft.changed_in["lists"], sent.version) == (2, 2, 1)


@pytest.mark.parametrize("case", ["going out", "left out", "import paused"])
def test_lists_that_a_campaign_needs_as_they_are_are_not_merged(each_database: Flask, case: str) -> None:
    old, kept = make_list("Old"), make_list("Kept")
    campaign = make_campaign(lists=[old])
    if case == "going out":
        campaign.status = CampaignStatus.SCHEDULED
    elif case == "left out":
        campaign.excluded_lists = [kept]
    else:
        make_import("email\nana@example.com\n", old).status = ImportStatus.PAUSED
    db.session.commit()
    with pytest.raises(Conflict):
        merging.merge(old, kept, now=NOON)
    db.session.rollback()
    assert len(queries.lists()) == 2


def test_lists_are_found_by_label_and_name(each_database: Flask) -> None:
    vienna, graz = make_list("Vienna news"), make_list("Graz news")
    services.set_labels(vienna, "Cities, News, cities")
    services.set_labels(graz, "news")
    db.session.commit()
    assert set(listing_queries.labels()) == {"Cities", "News"}
    assert [each.name for each in listing_queries.matching("", label="News")] == ["Graz news", "Vienna news"]
    assert [each.name for each in listing_queries.matching("vie NEWS")] == ["Vienna news"]


def test_an_archived_list_is_not_offered_any_more(app, ada, ben) -> None:
    old = make_list("Old readers", is_public=True)
    make_list("Kept readers")
    draft = make_campaign(lists=[old])
    assert ben.post(f"/lists/{old.id}/archiving").status_code == 303
    ben.get("/")  # says that it is archived
    assert "Old readers" not in ben.get("/lists").get_data(as_text=True)
    assert "Old readers" in ben.get("/lists?archived=1").get_data(as_text=True)
    assert "Old readers" not in ben.get("/imports/new").get_data(as_text=True)
    assert "Old readers" not in ada.get("/settings/rules/new").get_data(as_text=True)
    assert "Old readers (archived)" in ben.get(f"/campaigns/{draft.id}/edit").get_data(as_text=True)
    with pytest.raises(NotFound):
        queries.public_list(old.public_id)
    assert ben.post(f"/lists/{old.id}/archiving/deletion").status_code == 303
    ben.get("/")
    assert "Old readers" in ben.get("/lists").get_data(as_text=True)


def test_the_page_counts_before_it_merges(app, ben, cleo) -> None:
    old, kept = make_list("Old"), make_list("Kept")
    on("ann@example.org", old, Status.SUBSCRIBED)
    assert "be undone" in ben.get(f"/lists/{old.id}/merge?into={kept.id}").get_data(as_text=True)
    assert cleo.get(f"/lists/{old.id}/merge").status_code == 403
    ben.post(f"/lists/{old.id}/merger", data={"into": kept.id, "people": 7})
    assert statuses(kept) == {}
    ben.post(f"/lists/{old.id}/merger", data={"into": kept.id, "people": 1})
    assert statuses(kept) == {"ann": "subscribed"}
