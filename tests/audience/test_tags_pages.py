"""The page of tags, and tags in the form of a person."""

from __future__ import annotations

from campaigns.audience.segments import services as segment_services
from campaigns.audience.tags import queries, services
from campaigns.core.db import db
from tests.factories import NOON, make_subscriber


def names_of(person_id: int) -> list[str]:
    db.session.rollback()
    db.session.expire_all()
    return [each.name for each in queries.of_people([person_id])[person_id]]


def test_a_person_gets_and_loses_tags_in_the_form(ben) -> None:
    ann = make_subscriber("ann@example.org")
    saved = ben.post(f"/people/{ann.id}/edit", data={"email": "ann@example.org", "tags": "VIP, Press ,VIP"})
    assert saved.status_code == 303
    assert names_of(ann.id) == ["Press", "VIP"]
    assert 'value="Press, VIP"' in ben.get(f"/people/{ann.id}/edit").text
    assert '<option value="Press">' in ben.get("/people/new").text
    assert ">VIP</a>" in ben.get(f"/people/{ann.id}").text
    assert ">VIP</span>" in ben.get("/people").text
    wrong = ben.post(f"/people/{ann.id}/edit", data={"email": "ann@example.org", "tags": "a;b"})
    assert wrong.status_code == 422 and "no commas, semicolons" in wrong.text
    ben.post(f"/people/{ann.id}/edit", data={"email": "ann@example.org", "tags": ""})
    assert names_of(ann.id) == []


def test_a_new_person_has_tags(ben) -> None:
    ben.post("/people/new", data={"email": "ann@example.org", "tags": "VIP"})
    assert queries.sizes() == {queries.tags()[0].id: 1}


def test_tags_are_listed_renamed_merged_and_deleted(ben, cleo) -> None:
    ann = make_subscriber("ann@example.org")
    assert "No tags yet" in cleo.get("/tags").text
    ben.post("/tags/new", data={"tags": "VIP"})
    assert ben.post("/tags/new", data={"tags": ""}).status_code == 422
    vip, press = services.find_or_create(["VIP", "Press"], now=NOON)
    services.give([vip, press], [ann.id])
    db.session.commit()
    vip_id, press_id = vip.id, press.id
    assert f'href="/people?tag={vip_id}"' in cleo.get("/tags").text
    assert ben.post(f"/tags/{vip_id}/edit", data={"tags": "press"}).status_code == 422
    ben.post(f"/tags/{vip_id}/edit", data={"tags": "Important"})
    assert names_of(ann.id) == ["Important", "Press"]
    assert cleo.post(f"/tags/{vip_id}/deletion").status_code == 403
    ben.post(f"/tags/{vip_id}/merge", data={"into": press_id})
    assert names_of(ann.id) == ["Press"]
    ben.post(f"/tags/{press_id}/deletion")
    assert names_of(ann.id) == []


def test_a_tag_that_a_segment_asks_for_stays(ben) -> None:
    (vip,) = services.find_or_create(["VIP"], now=NOON)
    rule = {"match": "all", "rules": [{"subject": "tag", "operator": "any_of", "value": [vip.id]}]}
    segment_services.create("Important", rule, by=None, now=NOON)
    db.session.commit()
    answer = ben.post(f"/tags/{vip.id}/deletion", follow_redirects=True).text
    assert "The segment “Important” asks for this tag." in answer
