"""All that is stored about a person, as JSON."""

from __future__ import annotations

import json

from flask import Flask

from campaigns.audience.models import Consent, Origin
from campaigns.audience.person import notes
from campaigns.audience.tags import services as tag_services
from campaigns.core.db import db
from campaigns.delivery.merging import services as merging_services
from campaigns.delivery.models import Attempt
from campaigns.reports.person import export
from campaigns.tracking.models import Actor, Event, Kind
from tests.factories import NOON, make_campaign, make_delivery, make_list, make_revision, make_subscriber


def test_an_export_has_what_the_timeline_knows(each_database: Flask) -> None:
    loft, campaign = make_list("Loft"), make_campaign(name="Spring")
    make_revision(campaign, links=("https://example.com/one",))
    ann = make_subscriber("ann@example.org", lists=[loft], fields={"city": "Graz"})
    old = make_subscriber("ann@old.example")
    got, also = make_delivery(campaign, ann), make_delivery(campaign, old)
    db.session.add(Attempt(delivery_id=got.id, at=NOON, phase="data", code=451, text="Later"))
    event = {"at": NOON, "campaign_id": campaign.id, "delivery_id": got.id, "verdict": Actor.HUMAN}
    db.session.add(Event(kind=Kind.CLICK, link_number=1, network="192.0.2", **event))
    consent = {"subscriber_id": ann.id, "list_id": loft.id, "at": NOON, "ip": "192.0.2.7"}
    db.session.add(Consent(**consent, act="signed_up", origin=Origin.FORM, wording="I agree"))
    notes.add(ann, "Met at the fair", author="Ada", operator_id=None, now=NOON)
    tag_services.set_of_person(ann.id, ["VIP"], now=NOON)
    merging_services.merge(ann.id, old.id, now=NOON)
    db.session.commit()
    data = json.loads(json.dumps(export.data_of(ann, now=NOON)))  # nothing in it but plain values
    assert data["person"]["email"] == "ann@example.org"
    assert data["person"]["fields"] == {"city": "Graz"}
    assert data["tags"] == ["VIP"]
    assert [(each["list"], each["status"]) for each in data["lists"]] == [("Loft", "subscribed")]
    assert [(each["wording"], each["ip"]) for each in data["consent"]] == [("I agree", "192.0.2.7")]
    assert [each["text"] for each in data["notes"]] == ["Met at the fair"]
    assert [each["act"] for each in data["changes"]] == ["tagged", "merged"]
    assert [each["number"] for each in data["emails"]] == [got.id, also.id]
    first = data["emails"][0]
    assert (first["campaign"], first["state"]) == ("Spring", "sent")
    assert [(each["kind"], each["url"]) for each in first["events"]] == [("click", "https://example.com/one")]
    assert [each["text"] for each in first["attempts"]] == ["Later"]


def test_an_export_of_somebody_new_is_complete_and_empty(each_database: Flask) -> None:
    data = export.data_of(make_subscriber(), now=NOON)
    for part in ("tags", "lists", "consent", "emails", "notes", "changes", "imports"):
        assert data[part] == [], part
    assert data["suppression"] is None
