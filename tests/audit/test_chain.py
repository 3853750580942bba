"""The audit log can't be changed unseen: the database refuses, and the chain shows who got around that."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit import chain, queries, services
from campaigns.audit.models import AuditEntry
from campaigns.core.acting import Actor
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from tests.factories import HOUR, NOON

ADA = Actor("ada@example.com", 1, "192.0.2.1")
EACH = 20  # entries of each process


def write(number: int, *, subject: str = "Friends") -> None:
    """So many entries, each an hour after the one before."""
    for each in range(number):
        services.record("list.updated", f"{subject} {each}", by=ADA, now=NOON + each * HOUR, people=each)
        db.session.commit()


def run(statement: str) -> None:
    db.session.execute(sa.text(statement))
    db.session.commit()


def without_triggers() -> None:
    """As somebody who owns the database."""
    if is_sqlite():
        names = db.session.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
        for name in names:
            run(f"DROP TRIGGER {name}")
        return
    for table in ("audit_entry", "audit_head"):
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")


def test_a_chain_that_nobody_touched_holds(each_database: Flask) -> None:
    write(5)
    found = queries.verify()
    assert (found.entries, found.number, found.broken) == (5, 5, None)
    assert found.hash == db.session.scalar(sa.select(AuditEntry.hash).filter_by(number=5))


def test_an_empty_log_holds(each_database: Flask) -> None:
    assert queries.verify().broken is None


REFUSED = (
    "UPDATE audit_entry SET subject = 'Foes' WHERE number = 2",
    "UPDATE audit_entry SET hash = NULL WHERE number = 2",
    "DELETE FROM audit_entry WHERE number = 2",
    "DELETE FROM audit_entry",
    "UPDATE audit_head SET number = 1",
    "DELETE FROM audit_head",
)


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_itself_refuses(each_database: Flask, statement: str) -> None:
    write(3)
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        run(statement)
    db.session.rollback()
    assert queries.verify().broken is None


def test_postgres_empties_it_in_no_other_way_either(postgres_app: Flask) -> None:
    write(1)
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        run("TRUNCATE audit_entry")
    db.session.rollback()


BROKEN: dict[str, tuple[str, int]] = {
    "changed": ("UPDATE audit_entry SET subject = 'Foes' WHERE number = 3", 3),
    "blamed on somebody else": ("UPDATE audit_entry SET actor = 'eve@example.com' WHERE number = 3", 3),
    "other figures": ("""UPDATE audit_entry SET details = '{"people": 0}' WHERE number = 3""", 3),
    "moved in time": ("UPDATE audit_entry SET at = '2026-11-23 09:00:00' WHERE number = 3", 3),
    "one taken out": ("DELETE FROM audit_entry WHERE number = 3", 3),
    "the oldest taken out": ("DELETE FROM audit_entry WHERE number = 1", 1),
    "the newest taken out": ("DELETE FROM audit_entry WHERE number = 5", 6),
    "two exchanged": ("UPDATE audit_entry SET number = 9 - number WHERE number IN (4, 5)", 4),
}


@pytest.mark.parametrize(("statement", "number"), BROKEN.values(), ids=BROKEN.keys())
def test_whoever_gets_around_that_is_seen(app: Flask, statement: str, number: int) -> None:
    write(5)
    without_triggers()
    if "9 - number" in statement:
        run("UPDATE audit_entry SET number = number + 100 WHERE number IN (4, 5)")
        statement = "UPDATE audit_entry SET number = 109 - number WHERE number > 100"
    run(statement)
    broken = queries.verify().broken
    assert broken is not None
    assert broken.number in (number, number - 1)


def test_a_change_is_seen_on_postgres_too(postgres_app: Flask) -> None:
    write(3)
    without_triggers()
    run("UPDATE audit_entry SET subject = 'Foes' WHERE number = 2")
    assert queries.verify().broken == chain.Break(2, "the entry or one before it was changed")


def test_a_log_that_was_made_anew_is_seen_by_an_entry_that_was_kept(app: Flask) -> None:
    write(3)
    kept = queries.verify()
    without_triggers()
    before = ""
    for entry in db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number)):
        entry.actor = "eve@example.com"
        before = entry.hash = chain.link(entry, number=entry.number, before=before)
    run(f"UPDATE audit_head SET hash = '{before}'")
    assert queries.verify().broken is None
    broken = queries.verify(kept=(kept.number, kept.hash)).broken
    assert broken is not None and broken.number == 3
    assert queries.verify(kept=(9, kept.hash)).broken == chain.Break(9, "the entry is missing")


def test_what_is_taken_back_leaves_no_gap(each_database: Flask) -> None:
    write(1)
    services.record("list.created", "Never", by=ADA, now=NOON)
    db.session.rollback()
    nested = db.session.begin_nested()
    services.record("list.created", "Neither", by=ADA, now=NOON)
    db.session.flush()
    nested.rollback()
    services.record("list.created", "First", by=ADA, now=NOON)
    with db.session.begin_nested():
        services.record("list.created", "Second", by=ADA, now=NOON)
    db.session.commit()
    found = db.session.execute(
        sa.select(AuditEntry.number, AuditEntry.subject).order_by(AuditEntry.number)
    ).all()
    assert [tuple(row) for row in found] == [(1, "Friends 0"), (2, "First"), (3, "Second")]
    assert queries.verify().broken is None


def test_two_processes_that_write_at_once_make_one_chain(each_database: Flask) -> None:
    db.session.remove()
    db.engine.dispose()
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    writers = [context.Process(target=_write_beside, args=(each_database, start, name)) for name in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    found = queries.verify()
    assert (found.entries, found.broken) == (2 * EACH, None)
    subjects = list(db.session.scalars(sa.select(AuditEntry.subject).order_by(AuditEntry.number)))
    for name in "AB":
        assert [each for each in subjects if each.startswith(name)] == [
            f"{name} {each}" for each in range(EACH)
        ]


def _write_beside(app: Flask, start: Any, name: str) -> None:
    with app.app_context():
        start.wait(60)
        write(EACH, subject=name)
        db.session.remove()
        db.engine.dispose()


def test_what_is_too_old_goes_and_the_rest_still_holds(each_database: Flask) -> None:
    write(5)
    now = NOON + timedelta(days=3)
    assert services.forget_before(NOON + 2 * HOUR, now=now) == 2
    db.session.commit()
    assert services.forget_before(NOON + 2 * HOUR, now=now) == 0
    found = queries.verify()
    assert (found.entries, found.number, found.broken) == (4, 6, None)
    last = db.session.scalars(sa.select(AuditEntry).filter_by(number=6)).one()
    assert (last.action, last.details) == ("audit.shortened", {"entries": 2})


def test_it_is_kept_for_so_many_days_or_for_ever(app: Flask) -> None:
    write(1)
    assert services.keep_for(30, now=NOON + timedelta(days=30)) == 0
    assert services.keep_for(0, now=NOON + timedelta(days=3000)) == 0
    assert services.keep_for(30, now=NOON + timedelta(days=31)) == 1


@pytest.mark.parametrize(
    "spoil", [lambda text: text + "\0", lambda text: text + "\ud800", lambda text: text * 500]
)
def test_no_text_breaks_the_chain(each_database: Flask, spoil: Callable[[str], str]) -> None:
    by = Actor(spoil("ada"), 1, "192.0.2.1")
    services.record(
        "list.updated",
        spoil("列表 é"),
        by=by,
        now=NOON,
        text=spoil("名"),
        flag=True,
        none=None,
        many=["a", 1],
    )
    db.session.commit()
    db.session.remove()
    assert queries.verify().broken is None
