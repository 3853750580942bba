"""Imports beside each other and beside everybody else who writes."""

from __future__ import annotations

import threading

import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries, services
from campaigns.audience.imports import runner
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import OptIn, Subscriber
from campaigns.core import clock
from campaigns.core.db import db, impatient
from tests.audience.imports.files import after, make_import
from tests.factories import make_list


def in_thread(app: Flask, import_id: int) -> threading.Thread:
    """A worker that runs this import."""

    def work() -> None:
        with app.app_context():
            try:
                assert runner.run(import_id)
            finally:
                db.session.remove()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_two_imports_of_the_same_people_make_each_of_them_once(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 40)
    monkeypatch.setattr(runner, "GAP_S", 0.01)
    rows = [f"p{number}@example.org,{number}\n" for number in range(400)]
    one, two = make_list(), make_list()
    made = [
        make_import("Email,Note\n" + "".join(rows), one).id,
        make_import("Email,Note\n" + "".join(reversed(rows)), two).id,
    ]
    lists = [one.id, two.id]
    db.session.remove()
    threads = [in_thread(each_database, number) for number in made]
    for thread in threads:
        thread.join(60)
    done = [after(number) for number in made]
    assert [each.status for each in done] == [ImportStatus.FINISHED] * 2
    assert [each.rows for each in done] == [400, 400]
    assert sum(each.new for each in done) == 400 == queries.people_count()
    assert sum(each.changed for each in done) == 400, "who was there joins the other list"
    sizes = queries.list_sizes(lists)
    assert [sizes[each].subscribed for each in lists] == [400, 400]


def test_others_write_while_an_import_runs(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 500)
    made = make_import(
        "Email\n" + "".join(f"p{number}@example.org\n" for number in range(5000)), make_list()
    ).id
    db.session.remove()
    thread = in_thread(each_database, made)
    written = 0
    while thread.is_alive():
        with impatient(10_000):
            services.create_list(f"Beside {written}", opt_in=OptIn.SINGLE, now=clock.now())
            db.session.commit()
        written += 1
        db.session.remove()
    thread.join()
    assert after(made).new == 5000
    assert written >= 3
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Subscriber)) == 5000
    assert db.session.scalar(sa.select(Import.status)) is ImportStatus.FINISHED
