"""The page of one person and those beneath it, through a client that checks each page it opens."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from campaigns.accounts.models import Operator
from campaigns.audience import queries
from campaigns.audience.models import Subscriber
from campaigns.audience.person import notes
from campaigns.audience.person.models import PersonNote
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.reports.person.timeline import PAGE_SIZE
from tests.accounts.factors import let_time_pass
from tests.audience.pages import text_of
from tests.factories import NOON, make_campaign, make_delivery, make_field, make_list, make_subscriber


def url_of(person: Subscriber, more: str = "") -> str:
    return f"/people/{person.id}{more}"


def test_a_note_is_added_edited_and_deleted(ben) -> None:
    ann = make_subscriber("ann@example.org")
    answer = ben.post(url_of(ann, "/notes"), data={"text": "<b>Met</b> {{ at }} the fair"})
    assert answer.status_code == 303
    page = text_of(ben.get(url_of(ann)))
    assert "&lt;b&gt;Met&lt;/b&gt;" in page and "<b>Met" not in page
    note = db.session.query(PersonNote).one()
    by = db.session.get_one(Operator, note.operator_id)
    assert (note.author, by.email) == (by.display_name, "ben@example.com")
    ben.post(url_of(ann, f"/notes/{note.id}"), data={"text": "Met in Graz"})
    assert "Met in Graz" in text_of(ben.get(url_of(ann, "?show=notes")))
    ben.post(url_of(ann, f"/notes/{note.id}/deletion"))
    db.session.expire_all()
    assert db.session.query(PersonNote).count() == 0


def test_a_note_of_somebody_else_has_no_way_to_edit_it(ben) -> None:
    ann = make_subscriber()
    note = notes.add(ann, "Met", author="Ada", operator_id=None, now=NOON)
    db.session.commit()
    assert f"/notes/{note.id}/deletion" in text_of(ben.get(url_of(ann)))
    assert f'/notes/{note.id}"' not in text_of(ben.get(url_of(ann)))
    ben.post(url_of(ann, f"/notes/{note.id}"), data={"text": "Never met"})
    assert "You can only edit notes that you wrote." in text_of(ben.get(url_of(ann)))


def test_a_viewer_reads_all_and_writes_nothing(cleo) -> None:
    ann = make_subscriber()
    notes.add(ann, "Met at the fair", author="Ada", operator_id=None, now=NOON)
    db.session.commit()
    page = text_of(cleo.get(url_of(ann)))
    assert "Met at the fair" in page
    assert "/notes" not in page and "/merge" not in page
    assert cleo.post(url_of(ann, "/notes"), data={"text": "x"}).status_code == 403
    assert cleo.get(url_of(ann, "/merge")).status_code == 403


def test_older_lines_are_behind_a_link_with_script_and_without(ben) -> None:
    ann = make_subscriber()
    for number in range(PAGE_SIZE + 5):
        notes.add(ann, f"note {number:02}.", author="A", operator_id=None, now=NOON + timedelta(hours=number))
    db.session.commit()
    page = text_of(ben.get(url_of(ann)))
    assert "note 44." in page and "note 04." not in page
    (plain,) = re.findall(r'href="([^"]*before=[^"]*)"', page)
    (lines,) = re.findall(r'hx-get="([^"]*before=[^"]*)"', page)
    for url in (plain, lines):
        older = text_of(ben.get(url.replace("&amp;", "&").partition("#")[0]))
        assert "note 04." in older and "note 44." not in older
        assert "Show older" not in older
    assert "Show latest" in text_of(ben.get(plain.replace("&amp;", "&").partition("#")[0]))


@pytest.mark.parametrize(
    "query", ["?show=x", "?before=x", "?before=1-2", "?ask=x-1", "?show=notes&before=0-0-0"]
)
def test_a_url_that_means_nothing_still_opens_the_page(ben, query: str) -> None:
    assert ben.get(url_of(make_subscriber(), query)).status_code == 200


def test_the_page_tells_whether_a_campaign_would_come(ben) -> None:
    loft = make_list("Loft")
    ann = make_subscriber(lists=[loft])
    campaign, other = make_campaign(name="Spring", lists=[loft]), make_campaign(name="Summer")
    assert "would get it." in text_of(ben.get(url_of(ann, f"?ask=campaign-{campaign.id}")))
    page = text_of(ben.get(url_of(ann, f"?ask=campaign-{other.id}")))
    assert "would not get it." in page and "The campaign has no list yet" in page
    assert "On Loft, subscribed" in text_of(ben.get(url_of(ann, f"?ask=list-{loft.id}")))


# -- neighbours


def links_of(page: str) -> dict[str, str]:
    found = re.findall(r'<a class="btn btn-quiet" href="([^"]*)" rel="(prev|next)"', page)
    return {rel: url.replace("&amp;", "&") for url, rel in found}


def test_previous_and_next_keep_the_search_and_its_order(ben) -> None:
    loft = make_list()
    people = [make_subscriber(f"{name}@example.org", lists=[loft]) for name in ("ann", "bob", "cid")]
    make_subscriber("bzz@example.org")
    query = f"?from=people&list={loft.id}&sort=email"
    links = links_of(text_of(ben.get(url_of(people[1], query))))
    assert links["prev"].startswith(f"/people/{people[0].id}?")
    assert links["next"].startswith(f"/people/{people[2].id}?")
    assert set(links_of(text_of(ben.get(links["prev"])))) == {"next"}
    assert set(links_of(text_of(ben.get(links["next"])))) == {"prev"}


def test_the_keys_are_in_the_help(ben) -> None:
    ann, bob = make_subscriber("ann@example.org"), make_subscriber("bob@example.org")
    page = text_of(ben.get(url_of(ann, "?from=people&sort=email")))
    assert f'href="/people/{bob.id}?from=people&amp;sort=email" data-keys="j"' in page
    assert 'data-keys="k"' not in page


def test_who_opens_a_person_from_the_list_gets_neighbours_too(ben) -> None:
    ann, bob = make_subscriber("ann@example.org"), make_subscriber("bob@example.org")
    came_from = {"Referer": "http://localhost/people?sort=email&q=example"}
    links = links_of(text_of(ben.get(url_of(ann), headers=came_from)))
    assert links == {"next": f"/people/{bob.id}?from=people&q=example&sort=email"}
    for elsewhere in ("http://other.example/people?sort=email", "http://localhost/lists", "http://[x"):
        answer = ben.get(url_of(ann), headers={"Referer": elsewhere})
        assert (answer.status_code, links_of(text_of(answer))) == (200, {})
    assert links_of(text_of(ben.get(url_of(ann)))) == {}


def test_a_segment_that_is_gone_leaves_a_person_without_neighbours(ben) -> None:
    make_subscriber()
    answer = ben.get(url_of(make_subscriber(), "?from=people&segment=99"))
    assert (answer.status_code, links_of(text_of(answer))) == (200, {})


# -- merging


def test_two_people_are_compared_and_merged(ben) -> None:
    make_field("city", label="City")
    ana = make_subscriber("ana@new.example", fields={"city": "Graz"})
    old = make_subscriber("ana@old.example", fields={"city": "Linz"})
    make_delivery(make_campaign(), old)
    kept_id, other_id = ana.id, old.id
    page = text_of(ben.get(url_of(ana, "/merge?address=Ana@old.example")))
    rows = re.search(r'name="rows" value="(\d+)"', page)
    assert rows and "Merge people" in page and "Linz" in page
    data = {"other": other_id, "rows": rows[1], "take-city": "city"}
    assert ben.post(url_of(ana, "/merger"), data=data).status_code == 303
    db.session.expire_all()
    assert queries.person(kept_id).fields == {"city": "Linz"}
    page = text_of(ben.get(f"/people/{kept_id}"))
    assert "Merged with ana@old.example" in page
    ben.post(f"/people/{kept_id}/merger", data=data)  # the second of two tabs
    assert "Person not found." in text_of(ben.get(f"/people/{kept_id}"))


def test_a_merge_needs_the_numbers_that_the_page_showed(ben) -> None:
    ana, old = make_subscriber(), make_subscriber()
    for data in ({"other": old.id}, {"other": old.id, "rows": 7}, {"rows": 0}):
        ben.post(url_of(ana, "/merger"), data=data)
        assert queries.person(old.id) is not None
    assert db.session.query(AuditEntry).filter_by(action="person.merged").count() == 0


@pytest.mark.parametrize("typed", ["zoe@example.org", "zoe", "ana@new.example"])
def test_an_address_that_nobody_else_has_is_told(ben, typed: str) -> None:
    ana = make_subscriber("ana@new.example")
    page = text_of(ben.get(url_of(ana, f"/merge?address={typed}")))
    assert 'role="alert"' in page and "Merge people" not in page


# -- the data


def test_the_data_of_a_person_is_a_download_on_record(ben) -> None:
    ann = make_subscriber("ann@example.org")
    notes.add(ann, "Met at the fair", author="Ada", operator_id=None, now=NOON)
    db.session.commit()
    answer = ben.get(url_of(ann, "/data.json"))
    assert answer.mimetype == "application/json"
    assert [each["text"] for each in answer.json["notes"]] == ["Met at the fair"]
    entry = db.session.query(AuditEntry).filter_by(action="person.exported").one()
    assert "ann@example.org" not in entry.subject


def test_the_data_asks_for_the_password_again_after_a_while(ben) -> None:
    ann = make_subscriber()
    let_time_pass()
    answer = ben.get(url_of(ann, "/data.json"))
    assert answer.status_code == 303 or answer.mimetype == "text/html"
    assert db.session.query(AuditEntry).filter_by(action="person.exported").count() == 0
