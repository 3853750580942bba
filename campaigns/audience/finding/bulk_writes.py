"""Many people written at once: SQLite's index of texts and its counts are kept for all of them together.

A trigger for each row takes six times as long as everything else, because FTS5 writes out what it holds at each
statement of a trigger. The triggers leave rows alone while `bulk_write` names what is written. Only the transaction that
put it there sees it, and a deferred foreign key lets no transaction commit with it. On PostgreSQL triggers see all rows
of a statement anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from campaigns.audience.finding.sizes import EVERYBODY
from campaigns.core.bulk import encode
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite

PEOPLE, SUBSCRIPTIONS = "people", "subscriptions"  # what triggers leave alone
# The text of a person in the index, exactly as the triggers write it (migration 0017).
_TEXT = (
    "char(10) || char(10) || email || coalesce((SELECT group_concat(char(10) || char(10) || each.value, '')"
    " FROM json_each(fields) AS each WHERE each.type = 'text'), '')"
)
_THESE = "FROM subscriber WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id"
_INDEX = sa.text(f"INSERT INTO person_text (rowid, text) SELECT id, {_TEXT} {_THESE}")
_FORGET = sa.text(f"INSERT INTO person_text (person_text, rowid, text) SELECT 'delete', id, {_TEXT} {_THESE}")
_COUNT = sa.text(
    "INSERT INTO audience_count (list_id, status, part, people) VALUES (:list_id, :status, 0, :number)"
    " ON CONFLICT (list_id, status, part) DO UPDATE SET people = people + excluded.people"
)
_BEGIN = sa.text("INSERT INTO bulk_write (what, nobody) VALUES (:what, -1)")
_END = sa.text("DELETE FROM bulk_write WHERE what = :what")


@contextmanager
def adding_people(ids: Sequence[int]) -> Iterator[None]:
    """In this block people with exactly these ids are inserted. An exception needs a rollback."""
    if not (is_sqlite() and ids):
        yield
        return
    with _apart(PEOPLE):
        yield
    _execute(_INDEX, ids=encode(list(ids)))
    _execute(_COUNT, list_id=EVERYBODY, status="", number=len(ids))


@contextmanager
def changing_people(ids: Sequence[int]) -> Iterator[None]:
    """In this block the addresses or fields of these people, and of no others, may change."""
    if not (is_sqlite() and ids):
        yield
        return
    these = encode(list(ids))
    _execute(_FORGET, ids=these)
    with _apart(PEOPLE):
        yield
    _execute(_INDEX, ids=these)


@contextmanager
def removing_people(ids: Sequence[int]) -> Iterator[None]:
    """In this block people with exactly these ids, who all exist, are deleted."""
    if not (is_sqlite() and ids):
        yield
        return
    _execute(_FORGET, ids=encode(list(ids)))
    with _apart(PEOPLE):
        yield
    _execute(_COUNT, list_id=EVERYBODY, status="", number=-len(ids))


@contextmanager
def changing_list(list_id: int, status: str, number: int) -> Iterator[None]:
    """In this block that list gains so many people with that status, or loses them, and no other list changes."""
    if not (is_sqlite() and number):
        yield
        return
    with _apart(SUBSCRIPTIONS):
        yield
    _execute(_COUNT, list_id=list_id, status=status, number=number)


@contextmanager
def _apart(what: str) -> Iterator[None]:
    _execute(_BEGIN, what=what)
    yield
    _execute(_END, what=what)


def _execute(statement: sa.TextClause, **values: object) -> None:
    db.session.execute(statement, values)
