"""What the columns of a file are taken for."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports import runner
from campaigns.audience.imports.files import columns
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import FieldKind
from campaigns.core.db import db
from tests.factories import make_field


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["3", "12.5", "-4"], FieldKind.NUMBER),
        (["2026-11-23", "24.12.2025", "2024/01/02"], FieldKind.DATE),
        (["3", "x", "5"], FieldKind.TEXT),
        (["01067", "04109", "99084"], FieldKind.TEXT),
        (["+49301234", "+351912", "+1555"], FieldKind.TEXT),
        (["49301234567", "35191234567", "15551234567"], FieldKind.TEXT),
        (["3", "", "4"], FieldKind.TEXT),
        (["0", "1", "2"], FieldKind.NUMBER),
        (["yes", "no", "yes"], FieldKind.YES_NO),
        (["yes", "no", "maybe"], FieldKind.TEXT),
        (["https://a.example/x", "http://b.example", "https://c.example"], FieldKind.URL),
        (["https://a.example", "b.example", "c"], FieldKind.TEXT),
    ],
)
def test_a_kind_is_guessed_where_all_values_are_of_it(cells: list[str], kind: FieldKind) -> None:
    assert columns.kind_of([[cell] for cell in cells], 0) is kind


def test_name_and_first_name_are_two_fields(app: Flask) -> None:
    first, name = make_field("first_name"), make_field("name")
    found = columns.guess(["Email", "Name", "First name", "Vorname"], [["a@example.org"] * 4], [first, name])
    assert found == ["email", "name", "first_name", columns.NEW]


def test_the_kind_is_proposed_and_kept(app: Flask, ben) -> None:
    rows = "Email,Age,Joined,Colour\n" + "".join(
        f"p{number}@example.org,{20 + number},2026-01-0{number},Blue\n" for number in range(1, 5)
    )
    answer = ben.post("/imports/new", data={"list_id": "0", "new_list": "Fresh", "pasted": rows})
    page = ben.get(answer.location).text
    for value in ("new:number", "new:date", "new"):
        assert f'<option selected value="{value}">' in page
    targets = {"column_0": "email", "column_1": "new:number", "column_2": "new:date", "column_3": "new"}
    ben.post(f"{answer.location}/start", data={**targets, "agreed": "y"})
    import_id = int(answer.location.rpartition("/")[2])
    assert runner.run(import_id)
    assert queries.fields() == [], "a dry run makes none"
    ben.post(f"{answer.location}/confirmation")
    assert runner.run(import_id)
    kinds = {each.key: each.kind for each in queries.fields()}
    assert kinds == {"age": FieldKind.NUMBER, "joined": FieldKind.DATE, "colour": FieldKind.TEXT}
    person = queries.person_by_address("p1@example.org")
    assert person is not None and person.fields == {"age": 21, "joined": "2026-01-01", "colour": "Blue"}


def test_a_list_is_made_with_the_import(app: Flask, ben) -> None:
    assert 'name="new_list"' in ben.get("/imports/new").text
    without = ben.post("/imports/new", data={"list_id": "0", "pasted": "ann@example.org"})
    assert without.status_code == 422
    assert "Enter a list name." in without.text
    broken = ben.post("/imports/new", data={"list_id": "0", "new_list": "Fresh", "pasted": ""})
    assert broken.status_code == 422
    assert queries.lists() == []
    made = ben.post("/imports/new", data={"list_id": "0", "new_list": "Fresh", "pasted": "ann@example.org"})
    assert made.status_code == 303
    assert [each.name for each in queries.lists()] == ["Fresh"]
    taken = ben.post("/imports/new", data={"list_id": "0", "new_list": "fresh", "pasted": "b@example.org"})
    assert "already exists" in taken.text
    assert db.session.query(Import).count() == 1


def test_who_is_sure_imports_without_checking(app: Flask, ben) -> None:
    answer = ben.post(
        "/imports/new",
        data={"list_id": "0", "new_list": "Fresh", "pasted": "Email,Age\nann@example.org,31\n"},
    )
    chosen = {"column_0": "email", "column_1": "new:number", "then": "import"}
    refused = ben.post(f"{answer.location}/start", data=chosen)
    assert refused.status_code == 422 and queries.fields() == []
    started = ben.post(f"{answer.location}/start", data={**chosen, "agreed": "y"})
    assert started.status_code == 303
    assert runner.run(int(answer.location.rpartition("/")[2]))
    person = queries.person_by_address("ann@example.org")
    assert person is not None and person.fields == {"age": 31}
    assert ben.post(f"{answer.location}/start", data={**chosen, "agreed": "y"}).status_code == 303
    shown = db.session.query(Import).one()
    assert shown.status is ImportStatus.FINISHED, "a second click starts nothing"
