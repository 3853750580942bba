"""CSV files on their way into a list, on both databases."""

from __future__ import annotations

import io
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries, services
from campaigns.audience.imports import queries as import_queries
from campaigns.audience.imports import runner, setup
from campaigns.audience.imports.files import columns, uploads
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import (
    Consent,
    FieldKind,
    Origin,
    Status,
    Subscriber,
    SuppressionReason,
)
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from tests.factories import NOON, make_field, make_list, make_subscriber

HEAD = "Email,First name,City\n"


def make_import(content: str | bytes, into, **values) -> Import:
    raw = content.encode() if isinstance(content, str) else content
    made = setup.create_import(io.BytesIO(raw), file_name="people.csv", list_=into, now=NOON, **values)
    db.session.commit()
    return made


def imported(content: str | bytes, into=None, **values) -> Import:
    """The import after it has run."""
    made = make_import(content, into or make_list(), **values)
    assert runner.run(made.id)
    db.session.expire_all()
    return import_queries.import_(made.id)


def counts(done: Import) -> tuple[int, int, int, int]:
    return done.new, done.changed, done.left_out, done.refused


def refused(done: Import) -> list[tuple[int, str, str]]:
    return [
        (each.line, each.value, each.reason) for each in db.session.scalars(import_queries.rejects(done.id))
    ]


def people() -> dict[str, dict]:
    db.session.expire_all()
    return {each.email: each.fields for each in db.session.scalars(sa.select(Subscriber))}


def test_people_come_in_with_their_fields(each_database: Flask) -> None:
    readers = make_list()
    done = imported(HEAD + "ann@example.org,Ann,Cork\nzoe@EXAMPLE.org, Zoë ,\n", readers)
    assert (done.status, counts(done), done.rows_total) == (ImportStatus.FINISHED, (2, 0, 0, 0), 2)
    assert people() == {
        "ann@example.org": {"first_name": "Ann", "city": "Cork"},
        "zoe@example.org": {"first_name": "Zoë"},
    }
    assert [(each.key, each.label) for each in queries.fields()] == [
        ("first_name", "First name"),
        ("city", "City"),
    ]
    assert queries.list_sizes([readers.id])[readers.id].subscribed == 2
    proof = db.session.scalars(sa.select(Consent)).first()
    assert (proof.act, proof.origin, proof.import_id) == ("imported", Origin.IMPORT, done.id)
    assert "people.csv" in proof.wording
    assert not Path(done.path).exists()


def test_each_bad_row_is_reported_with_its_line_and_reason(each_database: Flask) -> None:
    done = imported(
        (
            "Email,First name\n"
            "good@example.org,Žluťoučký kůň úpěl\n"
            "not an address,Bob\n"
            ",Nobody\n"
            "\n"
            "many@example.org,a,b\n"
            "few@example.org\n"
            "n\0ul@example.org,x\n"
            '"multi@example.org","two\nlines"\n'
            f"long@example.org,{'x' * 10_001}\n"
            "evil@example.org\r,x\n"
        ).encode()
        + b"br\xffken@example.org,x\n"
        + b'"open,quote\nlast@example.org,Zed\n'
    )
    assert counts(done) == (3, 0, 0, 9)
    assert [(line, reason) for line, _value, reason in refused(done)] == [
        (3, "bad_address"),
        (4, "no_address"),
        (6, "more_cells"),
        (7, "fewer_cells"),
        (8, "nul"),
        (11, "too_long"),
        (12, "broken"),
        (13, "encoding"),
        (14, "open_quote"),
    ]
    assert refused(done)[0][1] == "not an address"
    assert people()["multi@example.org"] == {"first_name": "two\nlines"}
    assert "last@example.org" in people()


def test_who_has_left_or_is_suppressed_stays_so(each_database: Flask) -> None:
    readers = make_list()
    left = make_subscriber("left@example.org", lists=[readers], status=Status.UNSUBSCRIBED)
    waits = make_subscriber("waits@example.org", lists=[readers], status=Status.UNCONFIRMED)
    services.suppress("never@example.org", reason=SuppressionReason.COMPLAINT, note="", now=NOON)
    rows = "LEFT@example.org,A,\nnever@example.org,B,\nwaits@example.org,C,\n"
    done = imported(HEAD + rows, readers)
    assert counts(done) == (0, 1, 2, 0)
    assert [(line, reason) for line, _value, reason in refused(done)] == [
        (2, "unsubscribed"),
        (3, "suppressed"),
    ]
    assert queries.subscription(left.id, readers.id).status is Status.UNSUBSCRIBED
    assert queries.subscription(waits.id, readers.id).status is Status.SUBSCRIBED
    assert people()["left@example.org"] == {}
    assert "never@example.org" not in people()


def test_known_people_are_updated_and_empty_cells_take_nothing_away(each_database: Flask) -> None:
    make_field("first_name"), make_field("city")
    make_subscriber("ann@example.org", fields={"first_name": "Ann", "city": "Cork", "age": 7})
    done = imported(HEAD + "Ann@Example.org,,Oslo\n")
    assert counts(done) == (0, 1, 0, 0)
    assert people() == {"ann@example.org": {"first_name": "Ann", "city": "Oslo", "age": 7}}


def test_an_address_that_stands_twice_is_taken_once(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 2)
    rows = [
        "ann@example.org,1,",
        "ANN@example.org,2,",
        "bob@example.org,3,",
        "x@example.org,,",
        "Ann@example.org,4,",
    ]
    done = imported(HEAD + "\n".join(rows))
    assert counts(done) == (3, 0, 0, 2)
    assert [(line, reason) for line, _value, reason in refused(done)] == [(3, "duplicate"), (6, "duplicate")]
    assert people()["ann@example.org"] == {"first_name": "1"}


def test_without_a_statement_of_consent_people_are_unconfirmed(app: Flask) -> None:
    readers = make_list()
    known = make_subscriber("ann@example.org", lists=[readers])
    imported(HEAD + "ann@example.org,,\nbob@example.org,,\n", readers, attested=False)
    assert queries.subscription(known.id, readers.id).status is Status.SUBSCRIBED
    assert queries.list_sizes([readers.id])[readers.id].unconfirmed == 1


@pytest.mark.parametrize("died_after", [1, 2, 3])
def test_an_import_goes_on_exactly_where_it_died(each_database: Flask, monkeypatch, died_after: int) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 10)
    rows = [f'p{number}@example.org,"a\n{number}",' for number in range(40)] + ["bad,,"]
    made = make_import(HEAD + "\n".join(rows), make_list())
    heard: list[int] = []

    def dies(position: int) -> None:
        heard.append(position)
        if len(heard) == died_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(made.id, on_progress=dies)
    db.session.rollback()
    half = import_queries.import_(made.id)
    assert (half.status, half.rows, half.byte_position) == (
        ImportStatus.RUNNING,
        died_after * 10,
        heard[-1],
    )
    assert not runner.run(made.id), "the lease still holds"
    assert runner.run(made.id, now=lambda: clock.now() + timedelta(minutes=2))
    done = import_queries.import_(made.id)
    assert (counts(done), done.rows, done.fence) == ((40, 0, 0, 1), 41, 2)
    assert refused(done) == [(82, "bad", "bad_address")]


def test_a_worker_whose_lease_was_taken_over_writes_nothing_more(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 10)
    made = make_import(HEAD + "".join(f"p{number}@example.org,,\n" for number in range(30)), make_list())
    later = clock.now() + timedelta(minutes=2)
    taken_over: list[bool] = []

    def is_slow(_position: int) -> None:
        if not taken_over:
            taken_over.append(runner.run(made.id, now=lambda: later))

    assert not runner.run(made.id, on_progress=is_slow)
    assert taken_over == [True]
    done = import_queries.import_(made.id)
    assert (counts(done), done.rows, len(people())) == ((30, 0, 0, 0), 30, 30)


def test_a_slice_of_time_leaves_the_rest_to_the_next(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 10)
    made = make_import(HEAD + "".join(f"p{number}@example.org,,\n" for number in range(25)), make_list())
    assert not runner.run(made.id, until=NOON.replace(year=2025))
    assert import_queries.waiting_imports(now=clock.now()) == [made.id]
    assert not runner.run(made.id, until=NOON.replace(year=2025))
    assert not runner.run(made.id, until=NOON.replace(year=2025))
    assert runner.run(made.id)
    assert counts(import_queries.import_(made.id)) == (25, 0, 0, 0)
    assert runner.run(made.id), "again does nothing and says that it is done"


def test_an_import_whose_file_is_gone_says_so(app: Flask) -> None:
    made = make_import(HEAD + "a@example.org,,\n", make_list())
    uploads.forget(Path(made.path))
    assert runner.run(made.id)
    assert (import_queries.import_(made.id).status, import_queries.import_(made.id).error) == (
        ImportStatus.FAILED,
        "The file is no longer available. Upload it again.",
    )


def test_an_import_that_always_dies_is_given_up(app: Flask) -> None:
    made = make_import(HEAD + "a@example.org,,\n", make_list())
    made.fence = runner.MOST_CLAIMS
    db.session.commit()
    assert runner.run(made.id)
    assert import_queries.import_(made.id).status is ImportStatus.FAILED


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "The file is empty."),
        (b"Email,Name\n", "The file has a header row but no people."),
        (b"PK\x03\x04rest", "The compressed file is damaged. Compress it again."),
        (b"\x00\x01\x02\x03" * 400, "This isn't a text file. Upload a CSV file instead."),
        (b"Name,City\nAnn,Cork\n", "No column is matched to the email address. Choose one."),
        (b"<html><body><p>Hello</p></body></html>", "This is a web page. Upload a CSV file instead."),
        (b"x" * (2 << 20), "The first row can't be read. Is this a CSV file?"),
        (b",".join([b"x"] * 101) + b"\na@example.org\n", "The file has 101 columns. Up to 100 can be read."),
    ],
)
def test_what_is_no_list_of_people_is_refused_in_a_sentence(app: Flask, raw: bytes, sentence: str) -> None:
    with app.test_request_context(), pytest.raises(Invalid) as refusal:
        make_import(raw, make_list())
    with app.test_request_context():
        assert str(refusal.value) == sentence
    assert not uploads.folder().exists() or list(uploads.folder().iterdir()) == []


SAMPLES = {
    "utf-8": "Zoë",
    "utf-8-sig": "Zoë",
    "utf-16": "Łódź",
    "utf-16-le": "Zoë",
    "utf-16-be": "Zoë",
    "cp1252": "Zoë Müller",
    "gb18030": "王伟 来自 北京",
    "cp1251": "Иван Петров",
}


@pytest.mark.parametrize(("encoding", "name"), SAMPLES.items())
def test_letters_survive_in_every_encoding(app: Flask, encoding: str, name: str) -> None:
    rows = "".join(f"p{number}@example.org;{name}\r\n" for number in range(5))
    done = imported(f"Email;Name\r\n{rows}".encode(encoding))
    assert counts(done) == (5, 0, 0, 0)
    assert people()["p4@example.org"] == {"name": name}


@pytest.mark.parametrize(
    "content", ["a@example.org,Ann\nb@example.org,Bob\n", "a@example.org,Ann\rb@example.org,Bob"]
)
def test_a_file_without_headings_is_understood(app: Flask, content: str) -> None:
    done = imported(content)
    assert counts(done) == (2, 0, 0, 0)
    assert people()["b@example.org"] == {"column_2": "Bob"}


def test_one_endless_line_costs_one_row(app: Flask) -> None:
    done = imported(HEAD.encode() + b"x" * (5 << 20) + b"\nann@example.org,Ann,\n")
    assert (counts(done), refused(done)[0][0], refused(done)[0][2]) == ((1, 0, 0, 1), 2, "row_too_long")


def test_fields_of_a_kind_take_only_that_kind(app: Flask) -> None:
    make_field("age", kind=FieldKind.NUMBER), make_field("born", kind=FieldKind.DATE)
    rows = (
        'a@example.org,41,2001-02-03\nb@example.org,old,\nc@example.org,,soon\nd@example.org,"1,5",3.2.2001\n'
    )
    done = imported("Email,Age,Born\n" + rows)
    assert people() == {
        "a@example.org": {"age": 41, "born": "2001-02-03"},
        "d@example.org": {"age": 1.5, "born": "2001-02-03"},
    }
    assert refused(done) == [(3, "old", "bad_number"), (4, "soon", "bad_date")]


def test_a_chosen_mapping_holds(app: Flask) -> None:
    make_field("city")
    content = "a,b,c,d\nann@example.org,x,Cork,secret\n"
    imported(content, mapping=["email", "new", "city", "ignore"])
    assert people() == {"ann@example.org": {"b": "x", "city": "Cork"}}


@pytest.mark.parametrize(
    "mapping", [["new", "new"], ["email", "email"], ["email"], ["email", "nowhere"], ["ignore", "ignore"]]
)
def test_a_mapping_that_can_not_be_is_refused(app: Flask, mapping: list[str]) -> None:
    with pytest.raises(Invalid):
        make_import("Email,City\na@example.org,x\n", make_list(), mapping=mapping)


def test_of_two_tabs_one_starts_the_import(app: Flask) -> None:
    made = make_import(HEAD + "a@example.org,,\n", make_list(), waits_for_columns=True)
    assert made.status is ImportStatus.UPLOADED
    assert import_queries.waiting_imports(now=clock.now()) == []
    setup.choose_columns(made, ["email", "new", "ignore"], attested=True, now=NOON)
    with pytest.raises(Conflict):
        setup.choose_columns(made, ["email", "new", "ignore"], attested=True, now=NOON)


def test_a_wrong_guess_of_the_encoding_can_be_corrected(app: Flask) -> None:
    content = "Email;Name\na@example.org;Łódź\n"
    made = make_import(content.encode("cp1250"), make_list(), waits_for_columns=True)
    setup.choose_format(made, encoding="cp1250", delimiter=";", has_header=True)
    setup.choose_columns(made, ["email", "new"], attested=True, now=NOON)
    setup.start(made, now=NOON)
    db.session.commit()
    assert runner.run(made.id)
    assert people()["a@example.org"] == {"name": "Łódź"}


def test_columns_are_guessed_by_heading_and_by_content(app: Flask) -> None:
    fields = [make_field("first_name"), make_field("city", label="Ort")]
    headings = ["Vorname", "Kontakt", "Ort", "", "E-Mail erlaubt", "Firstname"]
    samples = [
        ["Ann", "ann@example.org", "Cork", "", "ja", "A"],
        ["Bob", "bob@example.org", "", "", "ja", "B"],
    ]
    named = [heading or f"Column {at}" for at, heading in enumerate(headings, start=1)]
    assert columns.guess(named, samples, fields) == ["first_name", "email", "city", "ignore", "new", "new"]


def test_fifty_thousand_rows_with_five_hundred_bad_ones_just_work(app: Flask) -> None:
    rows = (f"bad {n},x,y\n" if n % 100 == 0 else f"p{n}@example.org,Zoë,City {n}\n" for n in range(50_000))
    began = time.process_time()
    done = imported(HEAD + "".join(rows))
    assert (counts(done), done.rows) == ((49_500, 0, 0, 500), 50_000)
    assert time.process_time() - began < 10
    assert len(refused(done)) == 500


def test_a_file_of_blank_lines_is_given_up_after_a_thousand(tmp_path: Path) -> None:
    path = tmp_path / "blank.csv"
    for blank in (b"\n", b",,,\n", b'""\n'):
        path.write_bytes(blank * 200_000)
        with pytest.raises(Invalid, match="1000 blank lines"):
            uploads.look(path)


def test_blank_lines_after_the_first_people_end_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"Email\nana@example.org\n" + b"\n" * 200_000 + b"ben@example.org\n")
    assert uploads.look(path).samples == [["ana@example.org"]]


@pytest.mark.parametrize("blank", ["\n", "\n\n\n"])
def test_some_blank_lines_are_passed_over(tmp_path: Path, blank: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(blank + "Email\n" + blank + "ana@example.org\n")
    assert uploads.look(path).samples == [["ana@example.org"]]
