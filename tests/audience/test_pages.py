"""The pages of people, through a browser client that checks each page it opens."""

from __future__ import annotations

import csv
import io
import re

import pytest
from flask import Flask

from campaigns.audience import queries, services
from campaigns.audience.imports import queries as import_queries
from campaigns.audience.imports import runner, setup
from campaigns.audience.imports.files import uploads
from campaigns.audience.imports.models import ImportStatus
from campaigns.audience.models import (
    FieldKind,
    OptIn,
    Origin,
    Status,
    Subscriber,
    SuppressionReason,
)
from campaigns.core.db import db
from campaigns.notices.models import Notice
from tests.audience.pages import text_of
from tests.factories import NOON, make_field, make_list, make_subscriber

EMPTY = ["/people", "/lists", "/imports", "/imports/new", "/fields", "/suppressions", "/people/new"]


@pytest.mark.parametrize("url", [*EMPTY, "/lists/new", "/suppressions/new"])
def test_a_fresh_site_says_what_to_do_next(ben, url: str) -> None:
    assert ben.get(url).status_code == 200


@pytest.mark.parametrize("url", ["/people", "/lists", "/imports", "/fields", "/suppressions"])
def test_a_viewer_sees_everything_and_can_change_nothing(cleo, url: str) -> None:
    make_subscriber("ann@example.org", lists=[make_list()])
    page = text_of(cleo.get(url))
    assert "<h1" in page
    assert 'class="btn btn-primary"' not in page


def test_a_list_is_made_changed_and_deleted(ben) -> None:
    answer = ben.post(
        "/lists/new", data={"name": " Harbour  news ", "opt_in": "double", "language": "en", "sender_id": "0"}
    )
    made = queries.list_by_name("Harbour news")
    assert (answer.status_code, made.opt_in) == (303, OptIn.DOUBLE)
    assert "No people on this list yet" in text_of(ben.get(answer.location))
    data = {"name": "Harbour", "opt_in": "single", "is_public": "y", "language": "zh", "sender_id": "0"}
    assert ben.post(f"/lists/{made.id}/edit", data=data).status_code == 303
    page = text_of(ben.get(f"/lists/{made.id}"))
    assert f"http://localhost/s/{made.public_id}" in page
    ann = make_subscriber("ann@example.org", lists=[queries.list_(made.id)])
    assert ben.post(f"/lists/{made.id}/deletion").status_code == 303
    assert queries.lists() == []
    assert queries.person(ann.id).email == "ann@example.org"


def test_a_list_needs_a_name_of_its_own(ben) -> None:
    make_list("Harbour")
    data = {"opt_in": "double", "language": "en", "sender_id": "0"}
    answer = ben.post("/lists/new", data={**data, "name": "harbour", "description": "kept"})
    assert answer.status_code == 422
    assert "A list named harbour already exists." in text_of(answer)
    assert "kept" in text_of(answer)
    assert ben.post("/lists/new", data={**data, "name": " "}).status_code == 422


def test_a_person_is_added_with_fields_and_lists(ben) -> None:
    make_field("first_name"), make_field("age", kind=FieldKind.NUMBER)
    single, double = make_list("One"), make_list("Two", opt_in=OptIn.DOUBLE)
    data = {
        "email": "Ann@Example.org",
        "field_first_name": "Ann",
        "field_age": "4x",
        "language": "",
        "lists": [str(single.id), str(double.id)],
    }
    wrong = ben.post("/people/new", data=data)
    assert wrong.status_code == 422
    assert "This isn&#39;t a number." in text_of(wrong)
    assert queries.people_count() == 0
    answer = ben.post("/people/new", data={**data, "field_age": "41"})
    ann = queries.person_by_address("ann@example.org")
    assert (answer.status_code, ann.email, ann.fields) == (
        303,
        "Ann@example.org",
        {"first_name": "Ann", "age": 41},
    )
    assert queries.subscription(ann.id, single.id).status is Status.SUBSCRIBED
    assert queries.subscription(ann.id, double.id).status is Status.UNCONFIRMED
    assert db.session.query(Notice).one().to_address == "Ann@example.org"
    page = text_of(ben.get(answer.location))
    assert "Yes, campaigns to One." in page
    again = ben.post("/people/new", data={**data, "field_age": ""})
    assert again.status_code == 422
    assert "This person already exists." in text_of(again)


@pytest.mark.parametrize("email", ["", "nobody", "a@b\r\nBcc: x@example.org", "a b@example.org", "x" * 400])
def test_what_is_no_address_is_refused_at_the_field(ben, email: str) -> None:
    answer = ben.post("/people/new", data={"email": email, "language": ""})
    assert answer.status_code == 422
    assert 'id="email-error"' in text_of(answer)


def test_a_person_is_edited_and_an_address_belongs_to_one(ben) -> None:
    make_field("city")
    ann = make_subscriber("ann@example.org", fields={"city": "Cork", "hidden": "stays"})
    make_subscriber("bob@example.org")
    url = f"/people/{ann.id}/edit"
    assert 'value="Cork"' in text_of(ben.get(url))
    taken = ben.post(url, data={"email": "BOB@example.org", "field_city": "Oslo", "language": ""})
    assert taken.status_code == 422
    assert "Another person has this address." in text_of(taken)
    assert (
        ben.post(url, data={"email": "anna@example.org", "field_city": "", "language": "zh"}).status_code
        == 303
    )
    changed = queries.person(ann.id)
    assert (changed.address, changed.fields, changed.language) == (
        "anna@example.org",
        {"hidden": "stays"},
        "zh",
    )


def test_a_person_who_left_can_not_be_put_back_by_an_operator(ben) -> None:
    readers = make_list()
    ann = make_subscriber("ann@example.org", lists=[readers])
    services.unsubscribe(ann.id, list_ids=[readers.id], origin=Origin.PAGE, now=NOON)
    db.session.commit()
    answer = ben.post(f"/people/{ann.id}/subscriptions", data={"list_id": str(readers.id)})
    assert answer.status_code == 422
    assert "can only rejoin by signing up" in text_of(answer)
    assert queries.subscription(ann.id, readers.id).status is Status.UNSUBSCRIBED


def test_the_person_page_shows_lists_consent_and_the_reason_for_no_mail(ben) -> None:
    readers = make_list("Readers", opt_in=OptIn.DOUBLE)
    ann = make_subscriber("ann@example.org", fields={"first_name": "<b>{{ Ann }}</b>"})
    assert "No. This person isn&#39;t on any list." in text_of(ben.get(f"/people/{ann.id}"))
    assert ben.post(f"/people/{ann.id}/subscriptions", data={"list_id": str(readers.id)}).status_code == 303
    page = text_of(ben.get(f"/people/{ann.id}"))
    assert "No. The subscription to Readers is not confirmed yet." in page
    again = ben.post(f"/people/{ann.id}/subscriptions/{readers.id}/confirmation", follow_redirects=True)
    assert "one confirmation email a day and three in total" in text_of(again)
    assert ben.post(f"/people/{ann.id}/subscriptions/{readers.id}/deletion").status_code == 303
    page = text_of(ben.get(f"/people/{ann.id}"))
    assert "No. This person has unsubscribed from Readers." in page
    assert "&lt;b&gt;" in page
    services.suppress("ann@example.org", reason=SuppressionReason.OPERATOR, note="", now=NOON)
    db.session.commit()
    assert "No. The address is suppressed" in text_of(ben.get(f"/people/{ann.id}"))


def test_an_erased_person_leaves_only_a_key_behind(ben) -> None:
    url = f"/people/{make_subscriber('ann@example.org', lists=[make_list()]).id}"
    assert ben.post(f"{url}/deletion", data={"keep_suppressed": "1"}).status_code == 303
    assert ben.get(url).status_code == 404
    kept = queries.suppression_by_address("ann@example.org")
    assert (kept.email, kept.reason) == (None, SuppressionReason.ERASED)
    assert "erased" in text_of(ben.get("/suppressions?q=ann@example.org"))


def found(browser, query: str) -> list[str]:
    return re.findall(
        r'class="cell-main" dir="auto" href="/people/\d+">([^<]+)<', text_of(browser.get(f"/people?{query}"))
    )


def test_people_are_found_by_address_name_field_list_and_status(ben) -> None:
    make_field("first_name"), make_field("city")
    readers, others = make_list(), make_list()
    make_subscriber("ann@example.org", fields={"first_name": "Zoë", "city": "Łódź"}, lists=[readers])
    make_subscriber("bob@example.net", lists=[readers, others], status=Status.UNSUBSCRIBED)
    make_subscriber("100%@example.com")
    services.suppress("bob@example.net", reason=SuppressionReason.COMPLAINT, note="", now=NOON)
    db.session.commit()
    assert found(ben, "q=ANN") == ["Zoë"]
    assert found(ben, "q=zoë") == ["Zoë"]
    assert found(ben, "q=Łód+example") == ["Zoë"]
    assert found(ben, "q=0%25") == [] and found(ben, "q=100%25") == ["100%@example.com"]
    assert found(ben, "q=first_name") == []
    assert found(ben, f"list={readers.id}&sort=email") == ["Zoë", "bob@example.net"]
    assert found(ben, f"list={readers.id}&status=unsubscribed") == ["bob@example.net"]
    assert found(ben, "status=suppressed") == ["bob@example.net"]
    assert len(found(ben, "sort=password;drop&status=x&list=9999999999999&page=0")) == 3
    assert ben.get("/people?q=%00").status_code == 400


def test_several_people_join_leave_and_are_deleted_at_once(ben) -> None:
    readers = make_list("Readers")
    people = [make_subscriber(lists=[make_list()]) for _number in range(3)]
    ids = [str(each.id) for each in people]
    services.subscribe(people[0], readers, origin=Origin.FORM, now=NOON)
    services.unsubscribe(people[0].id, list_ids=[readers.id], origin=Origin.ONE_CLICK, now=NOON)
    db.session.commit()
    chosen = {"id": ids, "list": str(readers.id), "back": "q=person"}
    joined = ben.post("/people/subscriptions", data=chosen)
    assert joined.location == "/people?q=person"
    page = text_of(ben.get(joined.location))
    assert "2 people added to Readers." in page
    assert "1 person unsubscribed from that list and was not added back." in page
    left = ben.post("/people/unsubscriptions", data=chosen, follow_redirects=True)
    assert "2 people unsubscribed from Readers." in text_of(left)
    asked = text_of(ben.post("/people/deletion", data=chosen))
    assert "Delete 3 people" in asked
    assert queries.people_count() == 3
    assert "3 people deleted." in text_of(ben.post("/people/deletions", data=chosen, follow_redirects=True))
    assert queries.people_count() == 0
    nobody = ben.post("/people/deletion", data={"id": ["x"]}, follow_redirects=True)
    assert "Select people first" in text_of(nobody)


def test_a_way_back_never_leads_out_of_the_site(ben) -> None:
    data = {"back": "//evil.example\n", "id": "1"}
    assert ben.post("/people/deletions", data=data).location == "/people"


# -- imports


def upload(browser, content: str | bytes, into, *, name: str = "people.csv"):
    raw = content.encode() if isinstance(content, str) else content
    return browser.post("/imports/new", data={"list_id": str(into.id), "file": (io.BytesIO(raw), name)})


def test_an_import_from_the_file_to_the_report(ben) -> None:
    readers = make_list("Readers")
    answer = upload(ben, "E-Mail;First name\nann@example.org;Zoë\nbad;=cmd()\n", readers, name="../<b>.csv")
    assert answer.status_code == 303
    page = text_of(ben.get(answer.location))
    assert "&lt;b&gt;.csv" in page
    assert "about 2 rows" in page
    assert re.search(r'<option selected value="email">', page)
    assert re.search(r'<option selected value="new">New field “First name”', page)
    number = int(answer.location.rpartition("/")[2])
    start = f"/imports/{number}/start"
    without = ben.post(start, data={"column_0": "email", "column_1": "new"})
    assert without.status_code == 422
    assert "Confirm that these people agreed to receive your emails." in text_of(without)
    no_address = ben.post(start, data={"column_0": "new", "column_1": "new", "agreed": "y"})
    assert no_address.status_code == 422
    assert "No column is matched to the email address." in text_of(no_address)
    assert queries.fields() == []
    data = {"column_0": "email", "column_1": "new", "agreed": "y"}
    assert ben.post(start, data=data).status_code == 303
    again = ben.post(start, data=data)
    assert (again.status_code, again.location) == (303, f"/imports/{number}")
    running = text_of(ben.get(f"/imports/{number}"))
    assert "<progress" in running
    assert ben.post(f"/imports/{number}/deletion").status_code == 409
    assert "HX-Refresh" not in ben.get(f"/imports/{number}/progress").headers
    assert runner.run(number)
    review = text_of(ben.get(f"/imports/{number}"))
    assert "Nothing has been changed yet." in review
    assert "Import 1 row" in review
    assert queries.people_count() == 0
    assert queries.fields() == []
    assert ben.post(f"/imports/{number}/confirmation").status_code == 303
    assert ben.post(f"/imports/{number}/confirmation").status_code == 409
    assert runner.run(number)
    assert ben.get(f"/imports/{number}/progress").headers["HX-Refresh"] == "true"
    report = text_of(ben.get(f"/imports/{number}"))
    assert "This isn&#39;t an email address." in report
    rows = list(
        csv.reader(
            io.StringIO(
                text_of(ben.get(f"/imports/{number}/not-imported.csv", buffered=True)).lstrip("\ufeff")
            )
        )
    )
    assert rows == [
        ["E-Mail", "First name", "columba_line", "columba_reason"],
        ["bad", "'=cmd()", "3", "This isn't an email address."],
    ]
    assert ben.post(f"/imports/{number}/deletion").status_code == 303
    assert queries.people_count() == 1


def test_pasted_rows_are_imported_like_a_file(ben) -> None:
    data = {"list_id": str(make_list().id), "pasted": "ann@example.org\nbob@example.org"}
    answer = ben.post("/imports/new", data=data)
    number = int(answer.location.rpartition("/")[2])
    assert ben.post(f"/imports/{number}/start", data={"column_0": "email", "agreed": "y"}).status_code == 303
    assert runner.run(number)
    assert queries.people_count() == 0
    assert ben.post(f"/imports/{number}/confirmation").status_code == 303
    assert runner.run(number)
    assert queries.people_count() == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00\x01" * 900 + b"\x02", b"Email\n"])
def test_a_file_that_can_not_be_read_is_refused_at_the_field(ben, content: bytes) -> None:
    answer = upload(ben, content, make_list())
    assert answer.status_code == 422
    assert 'id="file-error"' in text_of(answer)


def test_no_file_at_all_is_a_sentence(ben) -> None:
    answer = ben.post("/imports/new", data={"list_id": str(make_list().id)})
    assert answer.status_code == 422
    assert "Choose a file, or paste rows below." in text_of(answer)


def test_the_file_can_be_read_in_another_way(ben) -> None:
    answer = upload(ben, "Email;Ort\nann@example.org;Łódź\n".encode("cp1250"), make_list())
    how = {"encoding": "cp1250", "delimiter": ";", "has_header": "y"}
    assert ben.post(answer.location + "/format", data=how).status_code == 303
    assert "Łódź" in text_of(ben.get(answer.location))
    assert ben.post(answer.location + "/format", data={**how, "encoding": "nonsense"}).status_code == 422
    headless = ben.post(answer.location + "/format", data={"encoding": "cp1250", "delimiter": ","})
    assert headless.status_code == 303
    assert "Column 1" in text_of(ben.get(answer.location))


def test_nobody_waits_for_the_database_while_a_file_is_read(ben, monkeypatch) -> None:
    look, open_transactions = uploads.look, []

    def seen(*args, **values):
        open_transactions.append(db.session().in_transaction())
        return look(*args, **values)

    into = make_list()
    monkeypatch.setattr(uploads, "look", seen)
    assert upload(ben, b"email\nann@example.org\n", into).status_code == 303
    assert open_transactions == [False]


def test_a_failed_import_says_why(ben) -> None:
    made = setup.create_import(io.BytesIO(b"a@example.org\n"), file_name="x.csv", list_=make_list(), now=NOON)
    made.status, made.error, made.finished_at = ImportStatus.FAILED, runner.FILE_GONE, NOON
    db.session.commit()
    assert runner.FILE_GONE in text_of(ben.get(f"/imports/{made.id}"))


# -- export, fields, suppressions


def test_an_export_guards_formulas_and_comes_back_unchanged_when_raw(ben) -> None:
    make_field("city")
    readers = make_list()
    make_subscriber("=cmd@example.org", fields={"city": "+49 30"}, lists=[readers])
    make_subscriber("zoë@example.org", fields={"city": "-5"}, lists=[readers], status=Status.UNSUBSCRIBED)
    guarded = list(
        csv.reader(io.StringIO(text_of(ben.get(f"/lists/{readers.id}/people.csv", buffered=True))[1:]))
    )
    assert guarded[0] == ["email", "city", "status", "origin", "created_at", "changed_at"]
    assert guarded[1][:3] == ["'=cmd@example.org", "'+49 30", "subscribed"]
    assert guarded[2][:3] == ["zoë@example.org", "-5", "unsubscribed"]
    raw = ben.get(f"/lists/{readers.id}/people.csv?raw=1&status=subscribed", buffered=True).get_data()
    fresh = make_list()
    made = setup.create_import(io.BytesIO(raw), file_name="x.csv", list_=fresh, now=NOON)
    db.session.commit()
    assert runner.run(made.id)
    assert import_queries.import_(made.id).changed == 1
    assert [each.key for each in queries.fields()] == ["city"]
    assert text_of(ben.get("/people.csv", buffered=True)).count("\r\n") == 3


def test_a_field_is_made_renamed_and_deleted(ben) -> None:
    assert ben.post("/fields/new", data={"label": "First name", "kind": "text"}).status_code == 303
    made = queries.fields()[0]
    assert (made.key, made.label) == ("first_name", "First name")
    assert ben.post("/fields/new", data={"label": "first NAME", "kind": "text"}).status_code == 422
    assert ben.post("/fields/new", data={"label": "", "kind": "text"}).status_code == 422
    assert "first_name" in text_of(ben.get("/fields"))
    assert ben.post(f"/fields/{made.id}/edit", data={"label": "Given name"}).status_code == 303
    assert [(each.key, each.label) for each in queries.fields()] == [("first_name", "Given name")]
    assert ben.post(f"/fields/{made.id}/deletion").status_code == 303
    assert queries.fields() == []


def test_addresses_are_suppressed_by_the_dozen_and_lifted_one_by_one(ben) -> None:
    bad = ben.post(
        "/suppressions/new", data={"addresses": "a@example.org, nonsense\nb@example.org", "note": "n"}
    )
    assert bad.status_code == 422
    assert "This isn&#39;t an email address: nonsense" in text_of(bad)
    pasted = {"addresses": "A@example.org; b@example.org\r\na@EXAMPLE.org", "note": "by phone"}
    done = ben.post("/suppressions/new", data=pasted, follow_redirects=True)
    assert "2 addresses suppressed." in text_of(done)
    assert "All of them were already suppressed." in text_of(
        ben.post("/suppressions/new", data=pasted, follow_redirects=True)
    )
    page = text_of(ben.get("/suppressions?q=B@example"))
    assert "b@example.org" in page
    assert "A@example.org" not in page
    gone = queries.suppression_by_address("b@example.org")
    assert ben.post(f"/suppressions/{gone.id}/deletion").status_code == 303
    assert queries.suppression_by_address("b@example.org") is None


def test_names_of_any_kind_do_no_harm(ben, app: Flask) -> None:
    nasty = "<script>alert(1)</script>{ 7*7 }'\"\u202e"
    readers = make_list(nasty[:90])
    make_field("nasty", label=nasty[:90])
    ann = make_subscriber("ann@example.org", fields={"first_name": nasty, "nasty": nasty}, lists=[readers])
    upload(ben, f"Email,{nasty}\nx@example.org,{nasty}\n", readers, name=nasty)
    for url in (
        "/people",
        f"/people/{ann.id}",
        f"/people/{ann.id}/edit",
        "/lists",
        f"/lists/{readers.id}",
        "/fields",
        "/imports",
        "/imports/1",
        f"/lists/{readers.id}/edit",
    ):
        page = text_of(ben.get(url))
        assert "<script>alert" not in page, url
    assert db.session.get(Subscriber, ann.id).fields["nasty"] == nasty
