"""Exports with chosen columns, and large ones that a worker writes to a file."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from campaigns.audience import exporter
from campaigns.audience.exporting import queries, running, services
from campaigns.audience.exporting.columns import chosen
from campaigns.audience.exporting.models import Export, ExportStatus, Format
from campaigns.audience.search import Search
from campaigns.audience.tags.services import find_or_create, give
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from tests.factories import NOON, make_cast_member, make_field, make_list, make_subscriber


@pytest.fixture
def readers(each_database: Flask) -> int:
    make_field("city")
    made = make_list("Readers")
    ann = make_subscriber("ann@example.org", lists=[made], fields={"city": "=Cork"}, language="en")
    make_subscriber("bob@example.org", lists=[made], fields={"city": "Köln"})
    give(find_or_create(["vip", "press"], now=NOON), [ann.id])
    db.session.commit()
    return made.id


def make_export(list_id: int, *, names=("email", "city"), format_=Format.CSV, **values) -> Export:
    made = services.create_export(
        Search(list_id=list_id, at=NOON),
        name="people",
        columns=chosen(names, of_list=True),
        format_=format_,
        is_raw=False,
        operator_id=make_cast_member("ben").id,
        now=clock.now(),
    )
    for name, value in values.items():
        setattr(made, name, value)
    db.session.commit()
    return made


def found(export_id: int) -> Export:
    db.session.expire_all()
    return queries.export(export_id)


def test_a_csv_file_has_the_chosen_columns_in_their_order_safe_from_formulas(readers: int) -> None:
    form = exporter.Form(chosen(["tags", "email", "city", "status"], of_list=True))
    text = "".join(exporter.stream(Search(list_id=readers), form))
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff")))) == [
        ["tags", "email", "city", "status"],
        ["press; vip", "ann@example.org", "'=Cork", "subscribed"],
        ["", "bob@example.org", "Köln", "subscribed"],
    ]


def test_json_lines_hold_values_as_they_are_stored(readers: int) -> None:
    form = exporter.Form(chosen(["email", "city", "tags", "language"], of_list=True), Format.JSON_LINES)
    lines = "".join(exporter.stream(Search(list_id=readers), form)).splitlines()
    assert [json.loads(each) for each in lines] == [
        {"email": "ann@example.org", "fields": {"city": "=Cork"}, "tags": ["press", "vip"], "language": "en"},
        {"email": "bob@example.org", "fields": {"city": "Köln"}, "tags": [], "language": None},
    ]


def test_a_field_named_like_a_column_keeps_its_own_values(readers: int) -> None:
    make_field("status")
    make_subscriber("cy@example.org", fields={"status": "gold"})
    columns = chosen(["email", "field:status"], of_list=False)
    text = "".join(exporter.stream(Search(text="cy@"), exporter.Form(columns)))
    assert text.splitlines()[1] == "cy@example.org,gold"


def test_a_worker_writes_the_file_for_its_owner_alone(readers: int) -> None:
    made = make_export(readers)
    assert running.run(made.id)
    done = found(made.id)
    assert (done.status, done.people_done, done.size_bytes) == (
        ExportStatus.FINISHED,
        2,
        Path(done.path).stat().st_size,
    )
    assert Path(done.path).stat().st_mode & 0o777 == 0o600
    assert Path(done.path).read_text("utf-8-sig").splitlines()[1:] == [
        "ann@example.org,'=Cork",
        "bob@example.org,Köln",
    ]


def test_an_export_goes_on_in_slices(readers: int, monkeypatch) -> None:
    monkeypatch.setattr(exporter, "CHUNK_ROWS", 1)
    made = make_export(readers)
    assert not running.run(made.id, until=clock.now())
    path = found(made.id).path
    while not running.run(made.id, until=clock.now()):
        assert found(made.id).path == path
    assert len(Path(path).read_text().splitlines()) == 3


def test_an_export_whose_worker_was_killed_starts_again(readers: int, monkeypatch) -> None:
    monkeypatch.setattr(exporter, "CHUNK_ROWS", 1)
    made = make_export(readers)
    export_id = made.id
    db.session.remove()
    db.engine.dispose()
    if (child := os.fork()) == 0:  # dies after its first thousand, as by kill -9
        monkeypatch.setattr(running, "_advance", _dies_after(running._advance))
        running.run(export_id)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    half = found(export_id)
    assert (half.status, half.people_done) == (ExportStatus.RUNNING, 1)
    old = Path(half.path)
    assert not running.run(export_id)
    later = clock.now() + running.LEASE + timedelta(seconds=1)
    assert queries.waiting(now=later) == [export_id]
    assert running.run(export_id, now=lambda: later)
    done = found(export_id)
    assert len(Path(done.path).read_text().splitlines()) == 3
    assert not old.exists()


def _dies_after(act):
    def dying(*arguments, **options):
        act(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return dying


def test_a_full_disk_is_said_in_a_sentence(readers: int, monkeypatch) -> None:
    made = make_export(readers)
    full = lambda path, *, size: Path("/dev/full").open("wb", buffering=0)  # noqa: E731, SIM115
    monkeypatch.setattr(running, "opened", full)
    assert running.run(made.id)
    done = found(made.id)
    assert (done.status, done.error) == (ExportStatus.FAILED, running.DISK_FULL)


def test_files_are_deleted_after_seven_days(readers: int) -> None:
    made = make_export(readers)
    running.run(made.id)
    path = Path(found(made.id).path)
    services.delete_old(now=made.created_at + timedelta(days=6, hours=23))
    assert path.exists()
    services.delete_old(now=made.created_at + timedelta(days=7, minutes=1))
    assert not path.exists()
    os.utime(_kept(path), (0, 0))
    services.sweep(now=clock.now())
    assert not path.exists()


def _kept(path: Path) -> Path:
    path.write_text("left behind")
    return path


def test_a_large_export_becomes_a_file_for_its_operator_and_admins(app, ada, ben, cleo, monkeypatch) -> None:
    monkeypatch.setattr(services, "MOST_STREAMED", 1)
    make_field("city")
    leads = make_list("Leads")
    for number in range(3):
        make_subscriber(f"lead{number}@example.org", lists=[leads], fields={"city": "Bonn"})
    page = ben.get(f"/people/export?list={leads.id}").get_data(as_text=True)
    assert "in the background" in page
    answer = ben.post(f"/exports?list={leads.id}", data={"columns": ["email", "status"], "format": "jsonl"})
    assert answer.status_code == 303
    [made] = db.session.query(Export)
    assert ben.get(f"/exports/{made.id}/file").status_code == 404
    running.run(made.id)
    assert ben.get(f"/exports/{made.id}/progress").headers["HX-Refresh"] == "true"
    assert "Download file" in ben.get(f"/exports/{made.id}").get_data(as_text=True)
    for browser in (ben, ada):
        text = browser.get(f"/exports/{made.id}/file", buffered=True).get_data(as_text=True)
        assert json.loads(text.splitlines()[0]) == {"email": "lead0@example.org", "status": "subscribed"}
    for page in ("", "/progress", "/file"):
        assert cleo.get(f"/exports/{made.id}{page}").status_code == 404
    actions = [each.action for each in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert actions.count("list.exported") == 1
    assert actions.count("export.downloaded") == 2


def test_a_small_export_is_streamed_and_its_columns_are_remembered(app, ben) -> None:
    make_field("city")
    make_subscriber("ann@example.org", fields={"city": "Cork"})
    answer = ben.post("/people/export?q=ann", data={"columns": ["email", "tags"], "format": "csv"})
    assert answer.status_code == 303
    text = ben.get(answer.location, buffered=True).get_data(as_text=True)
    assert text.splitlines() == ["\ufeffemail,tags", "ann@example.org,"]
    ticked = ben.get("/people/export").get_data(as_text=True).count(" checked")
    assert ticked == 3  # two columns and the format


def test_an_unknown_column_is_refused(app, ben) -> None:
    assert ben.get("/people.csv?column=secret").status_code == 422
    answer = ben.post("/people/export", data={"columns": ["secret"], "format": "csv"})
    assert answer.status_code == 422
