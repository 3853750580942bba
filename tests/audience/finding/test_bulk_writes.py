"""Many people written at once: the index and the counts are as the triggers would have kept them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from campaigns.audience.finding import bulk_writes, sizes
from campaigns.audience.models import Subscriber, Subscription
from campaigns.core import bulk
from campaigns.core.db import changed_by, db
from tests.factories import make_list, make_subscriber

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.one_of(TEXTS, st.integers(-9, 9), st.booleans(), st.none(), st.lists(TEXTS, max_size=2)),
)
PEOPLE = st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=4)


def words() -> dict[str, int]:
    """What the index holds: how many people each trigram leads to."""
    db.session.execute(
        sa.text("CREATE VIRTUAL TABLE IF NOT EXISTS temp.held USING fts5vocab('main', 'person_text', 'row')")
    )
    return dict(map(tuple, db.session.execute(sa.text("SELECT term, doc FROM temp.held"))))


def ids_of(people: list[Subscriber]) -> list[int]:
    return [each.id for each in people]


def add(fields: list[dict[str, Any]], *, name: str, at_once: bool) -> list[int]:
    ids = bulk.new_ids(Subscriber, len(fields))
    columns = ("id", "email", "address", "address_key", "fields", "created_at", "updated_at")
    at = "2026-12-01 00:00:00.000000"
    rows = [
        (id_, f"{name}{n}@example.org", f"{name}{n}@example.org", f"{name}{n}", bulk.encode(each), at, at)
        for n, (id_, each) in enumerate(zip(ids, fields, strict=True))
    ]
    if at_once:
        with bulk_writes.adding_people(ids):
            bulk.insert_rows(Subscriber, columns, rows)
    else:
        bulk.insert_rows(Subscriber, columns, rows)
    return ids


def change(ids: list[int], fields: list[dict[str, Any]], *, at_once: bool) -> None:
    pairs = [(id_, bulk.encode(each)) for id_, each in zip(ids, fields, strict=True)]
    if at_once:
        with bulk_writes.changing_people(ids):
            bulk.update_json(Subscriber, "fields", pairs)
    else:
        bulk.update_json(Subscriber, "fields", pairs)


def remove(ids: list[int], *, at_once: bool) -> None:
    statement = sa.delete(Subscriber).where(Subscriber.id.in_(ids))
    if at_once:
        with bulk_writes.removing_people(ids):
            changed_by(statement)
    else:
        changed_by(statement)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE)
def test_the_index_is_what_the_triggers_would_have_made_of_it(
    app: Flask, people: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    first, then = [each[0] for each in people], [each[1] for each in people]
    held = []
    for at_once in (True, False):
        steps = []
        ids = add(first, name="p", at_once=at_once)
        steps.append((words(), sizes.everybody()))
        change(ids, then, at_once=at_once)
        steps.append((words(), sizes.everybody()))
        remove(ids, at_once=not at_once)  # what the one has written the other can remove
        steps.append((words(), sizes.everybody()))
        held.append(steps)
    assert held[0] == held[1]
    assert held[0][-1] == ({}, 0)
    db.session.rollback()


def test_a_list_is_counted_with_many_at_once(each_database: Flask) -> None:
    readers = make_list()
    ids = ids_of([make_subscriber(f"p{n}@example.org") for n in range(3)])
    with bulk_writes.changing_list(readers.id, "subscribed", len(ids)):
        db.session.execute(
            sa.insert(Subscription),
            [
                {
                    "list_id": readers.id,
                    "subscriber_id": each,
                    "status": "subscribed",
                    "origin": "import",
                    "created_at": readers.created_at,
                    "changed_at": readers.created_at,
                }
                for each in ids
            ],
        )
    db.session.commit()
    assert sizes.on_list(readers.id) == 3
    with bulk_writes.changing_list(readers.id, "subscribed", -1):
        changed_by(sa.delete(Subscription).where(Subscription.subscriber_id == ids[0]))
    db.session.commit()
    assert sizes.on_list(readers.id) == 2


def test_a_transaction_that_has_not_ended_it_can_not_commit(each_database: Flask) -> None:
    db.session.execute(bulk_writes._BEGIN, {"what": bulk_writes.PEOPLE})
    with pytest.raises(IntegrityError):
        db.session.commit()
    db.session.rollback()
    make_subscriber("ana@example.org")
    assert sizes.everybody() == 1


def test_after_a_failure_in_the_middle_everything_is_as_before(app: Flask) -> None:
    make_subscriber("p0@example.org")
    before = words()
    with pytest.raises(IntegrityError):
        add([{}], name="p", at_once=True)
    db.session.rollback()
    make_subscriber("b@example.org")
    assert sizes.everybody() == 2
    changed_by(sa.delete(Subscriber).where(Subscriber.email == "b@example.org"))
    db.session.commit()
    assert words() == before
