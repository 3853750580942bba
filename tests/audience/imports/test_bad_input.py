"""Whatever a file is, there is a clear answer to it, and nothing is lost or half done."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports import queries as import_queries
from campaigns.audience.imports import runner, services, setup
from campaigns.audience.imports.batch import MOST_REJECTS_KEPT, Batch
from campaigns.audience.imports.files import uploads
from campaigns.audience.imports.files.seen import Seen
from campaigns.audience.imports.models import ImportReject, ImportStatus
from campaigns.audience.models import Subscriber
from campaigns.core import clock, files
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from tests.audience.imports.files import after, imported, make_import
from tests.factories import make_list


def refusal(app: Flask, content: bytes) -> str:
    with app.test_request_context(), pytest.raises(Invalid) as refused:
        make_import(content, make_list())
    assert not uploads.folder().exists() or list(uploads.folder().iterdir()) == []
    with app.test_request_context():
        return str(refused.value)


def fields() -> dict[str, dict]:
    return {each.email: each.fields for each in db.session.scalars(sa.select(Subscriber))}


def reasons(import_id: int) -> list[tuple[int, str]]:
    return [(each.line, each.reason) for each in db.session.scalars(import_queries.rejects(import_id))]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b",".join([b"x"] * 10_000) + b"\na@example.org\n",
            "The file has 10000 columns. Up to 100 can be read.",
        ),
        (b"<!DOCTYPE html>\n<table><tr><td>a@example.org</td></tr></table>", "This is a web page."),
        (b"  <html><body>a@example.org</body></html>", "This is a web page."),
        (b"%PDF-1.7\n", "This is a PDF."),
        (b'"' + b"a@example.org\n" * 300, "The first row can't be read. Is this a CSV file?"),
        (os.urandom(1) * 0 + b"\x00\xff\x13\x37" * 4000, "This isn't a text file."),
    ],
    ids=[
        "10,000 columns",
        "a page",
        "a page without doctype",
        "a PDF",
        "a quotation without an end",
        "bytes",
    ],
)
def test_what_is_no_list_is_refused(app: Flask, content: bytes, sentence: str) -> None:
    assert refusal(app, content).startswith(sentence)


def test_a_quotation_that_never_ends_costs_its_line(each_database: Flask) -> None:
    rows = 'Email,Name\na@example.org,"Ann\n' + "".join(f"p{number}@example.org,P\n" for number in range(500))
    done = imported(rows, make_list())
    assert (done.new, done.refused, done.rows) == (500, 1, 501)
    assert reasons(done.id) == [(2, "open_quote")]


def test_zero_bytes_cost_their_line(each_database: Flask) -> None:
    done = imported(b"Email,Name\na@example.org,A\x00nn\nb@example.org,Bob\n", make_list())
    assert reasons(done.id) == [(2, "nul")]
    assert fields() == {"b@example.org": {"name": "Bob"}}


def test_a_few_letters_in_another_encoding_cost_their_lines(app: Flask) -> None:
    rows = "Email,Name\n" + "".join(f"p{number}@example.org,Zoë\n" for number in range(20))
    done = imported(rows.encode() + "q@example.org,Müller\n".encode("latin-1"), make_list())
    assert (done.new, reasons(done.id)) == (20, [(22, "encoding")])


def test_equal_headings_become_two_fields(app: Flask) -> None:
    imported("Email,Note,Note,NOTE\na@example.org,1,2,3\n", make_list())
    assert [(each.key, each.label) for each in queries.fields()] == [
        ("note", "Note"),
        ("note_2", "Note 2"),
        ("note_3", "NOTE 3"),
    ]
    assert fields() == {"a@example.org": {"note": "1", "note_2": "2", "note_3": "3"}}


def test_two_spellings_of_an_address_are_one_person(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 2)
    rows = "Ann@Example.ORG\nbob@example.org\nann@example.org\nx@bücher.example\nX@xn--bcher-kva.example\n"
    done = imported("Email\n" + rows, make_list())
    assert (done.new, reasons(done.id)) == (3, [(4, "duplicate"), (6, "duplicate")])


def test_formulas_are_texts_and_come_back_guarded(app: Flask, ben) -> None:
    done = imported("Email,Name\na@example.org,\"=cmd|'/c calc'!A1\"\nbad,=1+1\n", make_list())
    assert fields() == {"a@example.org": {"name": "=cmd|'/c calc'!A1"}}
    text = ben.get(f"/imports/{done.id}/not-imported.csv", buffered=True).get_data(as_text=True)
    assert "bad,'=1+1,3," in text


def test_rejected_rows_are_mended_and_imported_again(app: Flask, ben) -> None:
    readers = make_list()
    done = imported("Email,Name\nann@example,Ann\nbob@example.org,Bob\n", readers)
    assert (done.new, done.refused) == (1, 1)
    text = ben.get(f"/imports/{done.id}/not-imported.csv", buffered=True).get_data(as_text=True)
    again = imported(text.replace("ann@example,", "ann@example.org,"), readers)
    assert (again.new, again.refused) == (1, 0)
    assert fields()["ann@example.org"] == {"name": "Ann"}
    assert [each.key for each in queries.fields()] == ["name"]


def test_many_rows_of_rubbish_are_counted_and_the_first_are_kept(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr("campaigns.audience.imports.batch.MOST_REJECTS_KEPT", 1000)
    assert MOST_REJECTS_KEPT > 1000
    rows = "".join(f"rubbish {number};;\x0b\n" for number in range(30_000))
    done = imported("Email\n" + rows + "a@example.org\n", make_list())
    assert (done.new, done.refused, done.rows) == (1, 30_000, 30_001)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(ImportReject)) == 1000


# -- no room left


class Full(io.BytesIO):
    """An upload whose end the disk has no room for."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().read(10)


def test_an_upload_that_the_disk_has_no_room_for_is_refused(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(Invalid, match="disk is full"):
        setup.keep(Full(b"Email\na@example.org\n"))
    assert list(uploads.folder().iterdir()) == []


def test_so_is_one_that_has_no_room_when_it_is_converted(app: Flask, monkeypatch) -> None:
    kept = files.keep

    def full_from_now_on(*args, **values) -> Path:
        path = kept(*args, **values)
        path.with_suffix(".utf8.csv").symlink_to("/dev/full")
        return path

    monkeypatch.setattr(files, "keep", full_from_now_on)
    with app.test_request_context(), pytest.raises(Invalid, match="disk is full"):
        setup.keep(io.BytesIO("Email\na@example.org\n".encode("utf-16") * 2000))
    assert list(uploads.folder().iterdir()) == []


@pytest.mark.parametrize("where", [(Seen, "repeated"), (Batch, "write")], ids=["file", "database"])
def test_an_import_waits_when_the_disk_is_full_and_goes_on_when_it_is_resumed(
    each_database: Flask, monkeypatch, where: tuple[type, str]
) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 10)
    made = make_import("Email\n" + "".join(f"p{number}@example.org\n" for number in range(25)), make_list())
    owner, name = where
    real, calls = getattr(owner, name), []

    def full(*args, **values):
        calls.append(name)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **values)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        assert runner.run(made.id)
    paused = after(made.id)
    assert (paused.status, paused.error) == (ImportStatus.PAUSED, runner.DISK_FULL)
    assert paused.rows == queries.people_count() == 10
    services.resume(paused, now=clock.now())
    db.session.commit()
    assert runner.run(made.id)
    done = after(made.id)
    assert (done.status, done.error, done.new) == (ImportStatus.FINISHED, None, 25)
