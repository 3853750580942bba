"""The pages of segments, as an operator without script uses them."""

from __future__ import annotations

from typing import Any

import html5lib
import sqlalchemy as sa

from campaigns.audience.models import Field
from campaigns.audience.segments.models import Segment
from campaigns.core.db import db
from tests.audience.segments.crowds import make_segment
from tests.browser_client import BrowserClient
from tests.factories import NOON, make_campaign, make_field, make_list, make_subscriber

IN_VIENNA = {"subject": "field", "of": "city", "operator": "is", "value": "Vienna"}


def read(answer: Any) -> Any:
    return html5lib.parse(answer.data, namespaceHTMLElements=False)


def posted(browser: BrowserClient, url: str, form: dict[str, Any]) -> Any:
    answer = browser.post(url, data=form, follow_redirects=True)
    assert answer.status_code in (200, 422)
    return read(answer)


def filled(page: Any) -> dict[str, Any]:
    """What the builder on this page would post."""
    form = page.find(".//form[@id='segment-form']")
    found: dict[str, Any] = {}
    for each in form.iterfind(".//input[@name]"):
        if each.get("type") != "checkbox" or "checked" in each.attrib:
            found.setdefault(each.get("name"), []).append(each.get("value", ""))
    for each in form.iterfind(".//select[@name]"):
        options = list(each.iter("option"))
        chosen = [one for one in options if "selected" in one.attrib] or options
        found[each.get("name")] = chosen[0].get("value")
    return found


def text_of(browser: BrowserClient, url: str) -> str:
    return " ".join("".join(read(browser.get(url)).itertext()).split())


def test_a_segment_is_put_together_without_script(ben: BrowserClient) -> None:
    make_field("city")
    make_subscriber("ana@example.org", fields={"city": "Vienna"})
    url = "/segments/new"
    page = read(ben.get(url))
    page = posted(ben, url, filled(page) | {"name": "Vienna", "n0-subject": "field:city", "act": "refresh"})
    page = posted(ben, url, filled(page) | {"n0-operator": "is", "n0-value": "vienna", "act": "group:"})
    page = posted(ben, url, filled(page) | {"n1.0-subject": "suppressed", "act": "refresh"})
    page = posted(ben, url, filled(page) | {"n1.0-operator": "no", "act": "add:1"})
    page = posted(ben, url, filled(page) | {"act": "remove:1.1"})
    page = posted(ben, url, filled(page) | {"act": "save"})
    made = db.session.scalars(sa.select(Segment)).one()
    assert made.rule["rules"] == [
        {**IN_VIENNA, "value": "vienna"},
        {"match": "any", "rules": [{"subject": "suppressed", "operator": "no"}]},
    ]
    assert (made.name, made.people) == ("Vienna", 1)
    assert "City is “vienna”" in "".join(page.itertext())


def test_what_is_missing_is_told_at_its_condition_and_nothing_typed_is_lost(ben: BrowserClient) -> None:
    make_field("city")
    form = {
        "name": "Vienna",
        "n-match": "all",
        "n0-subject": "list",
        "n1-subject": "field:city",
        "n1-operator": "is",
        "n1-value": " ",
        "act": "save",
    }
    make_list("News")
    answer = ben.post("/segments/new", data=form | {"n0-of": "any", "n0-operator": "on"})
    page = read(answer)
    assert answer.status_code == 422
    ids = {each.get("id"): each for each in page.iterfind(".//*[@id]")}
    assert "n1-error" in ids and "n0-error" not in ids
    assert ids["name"].get("value") == "Vienna"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Segment)) == 0


def test_rubbish_in_the_form_is_answered(ben: BrowserClient) -> None:
    for form in (
        {},
        {"n-match": "x", "act": "add:9.9.9"},
        {"n-match": "all", "n0-match": "any", "n0.0-subject": "field:gone", "act": "save", "name": "x"},
        {
            "n-match": "all",
            "n0-subject": "campaign",
            "n0-of": "9" * 30,
            "n0-operator": "opened",
            "act": "save",
        },
        {"n-match": "all", "act": "remove:x"},
        {f"n{'0.' * depth}0-match": "all" for depth in range(40)}
        | {"n-match": "all", "act": "group:" + "0." * 39 + "0"},
    ):
        assert ben.post("/segments/new", data=form).status_code in (200, 422)
        assert ben.post("/segments/count", data=form).status_code == 200


def test_the_live_count_shows_who_matches(ben: BrowserClient) -> None:
    make_field("city")
    make_subscriber("ana@example.org", fields={"city": "Vienna"})
    make_subscriber("ben@example.org")
    form = {"n-match": "all", "n0-subject": "field:city", "n0-operator": "known"}
    told = ben.post("/segments/count", data=form).get_data(as_text=True)
    assert "ana@example.org" in told and "ben@example.org" not in told and "<strong>1</strong>" in told


def test_why_a_person_is_out_and_who_uses_the_segment(ben: BrowserClient) -> None:
    make_field("city")
    segment, news = make_segment("Vienna", IN_VIENNA), make_list("News")
    make_subscriber("ana@example.org", fields={"city": "Graz"})
    make_campaign(name="Spring", lists=[news], segments=[segment])
    make_segment("Others", {"subject": "segment", "of": segment.id, "operator": "not_in"})
    told = text_of(ben, f"/segments/{segment.id}?address=ANA@example.org")
    assert "ana@example.org is not in this segment." in told
    assert "Spring" in told and "Others" in told
    assert "No person has the address" in text_of(ben, f"/segments/{segment.id}?address=zoe")
    refused = ben.post(f"/segments/{segment.id}/deletion", follow_redirects=True).get_data(as_text=True)
    assert "Spring" in refused and db.session.get(Segment, segment.id)


def test_a_segment_that_needs_a_correction_says_so_and_can_be_corrected(ben: BrowserClient) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    db.session.delete(db.session.scalars(sa.select(Field)).one())
    db.session.commit()
    assert "needs a correction" in text_of(ben, f"/segments/{segment.id}")
    assert ben.get(f"/segments/{segment.id}/edit").status_code == 200
    assert ben.get(f"/people?segment={segment.id}").status_code == 422
    form = {"name": "Vienna", "version": "1", "n-match": "all", "n0-subject": "added"}
    form |= {"n0-operator": "in_last_days", "n0-value": "30", "act": "save"}
    assert "Segment saved" in ben.post(
        f"/segments/{segment.id}/edit", data=form, follow_redirects=True
    ).get_data(as_text=True)


def test_two_tabs_do_not_overwrite_each_other(ben: BrowserClient) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    form = {
        "version": "1",
        "n-match": "any",
        "n0-subject": "added",
        "n0-operator": "in_last_days",
        "n0-value": "3",
    }
    url = f"/segments/{segment.id}/edit"
    assert ben.post(url, data=form | {"name": "First", "act": "save"}).status_code == 303
    second = ben.post(url, data=form | {"name": "Second", "act": "save"})
    assert second.status_code == 422 and "Second" in second.get_data(as_text=True)
    db.session.expire_all()
    assert segment.name == "First"


def test_people_are_found_and_exported_by_segment_and_tag(ada: BrowserClient) -> None:
    from campaigns.audience.tags import services as tag_services

    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    ana = make_subscriber("ana@example.org", fields={"city": "Vienna"})
    ben = make_subscriber("ben@example.org")
    (vip,) = tag_services.find_or_create(["VIP"], now=NOON)
    tag_services.give([vip], [ben.id])
    db.session.commit()
    found = text_of(ada, f"/people?segment={segment.id}")
    assert ana.email in found and ben.email not in found
    found = text_of(ada, f"/people?tag={vip.id}")
    assert ben.email in found and ana.email not in found
