"""A dry run says what an import would do, and changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries, services
from campaigns.audience.imports import outlook, runner, setup
from campaigns.audience.imports import queries as import_queries
from campaigns.audience.imports.models import ImportChange, ImportStatus
from campaigns.audience.models import Consent, Status, Subscriber, Subscription, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from tests.audience.imports.files import after, checked, imported, make_import
from tests.factories import NOON, make_field, make_list, make_subscriber

ROWS = (
    "Email,First name,City\n"
    "new@example.org,Nia,\n"
    "ann@example.org,Anna,Cork\n"
    "bob@example.org,Bob,\n"
    "left@example.org,Lea,\n"
    "never@example.org,Ned,\n"
    "no address,Nobody,\n"
    "NEW@example.org,Again,\n"
)
COUNTS = {"rows": 7, "new": 1, "changed": 1, "unchanged": 1, "refused": 2, "left_out": 2}


def given():
    """A list with three people, one of whom has left, and a suppressed address."""
    readers = make_list()
    make_field("first_name", label="First name")
    make_subscriber("ann@example.org", fields={"first_name": "Ann"}, lists=[readers])
    make_subscriber("bob@example.org", fields={"first_name": "Bob"}, lists=[readers])
    make_subscriber("left@example.org", lists=[readers], status=Status.UNSUBSCRIBED)
    services.suppress("never@example.org", reason=SuppressionReason.COMPLAINT, note="", now=NOON)
    db.session.commit()
    return readers


def everything() -> list:
    """All rows that an import may change."""
    db.session.expire_all()
    tables = (Subscriber, Subscription, Consent, ImportChange)
    return [db.session.execute(sa.select(table.__table__)).all() for table in tables]


def test_it_counts_what_the_import_then_does_and_changes_nothing(each_database: Flask) -> None:
    readers = given()
    before = everything()
    found = checked(ROWS, readers)
    assert (found.status, found.counts) == (ImportStatus.CHECKED, COUNTS)
    assert everything() == before
    assert [each.key for each in queries.fields()] == ["first_name"], (
        "no field is made before it is confirmed"
    )
    reasons = {each.line: each.reason for each in db.session.scalars(import_queries.rejects(found.id))}
    assert reasons == {5: "unsubscribed", 6: "suppressed", 7: "bad_address", 8: "duplicate"}
    setup.start(found, now=clock.now())
    db.session.commit()
    assert runner.run(found.id)
    done = after(found.id)
    assert (done.status, done.counts) == (ImportStatus.FINISHED, COUNTS)
    assert [each.key for each in queries.fields()] == ["first_name", "city"]


def test_it_shows_ten_people_as_they_are_and_as_they_will_be(app: Flask) -> None:
    make_field("city", label="Town")
    readers = make_list()
    for number in range(12):
        make_subscriber(f"p{number}@example.org", fields={"city": "Cork", "name": f"P {number}"})
    found = checked(
        "Email,Town\n" + "".join(f"p{number}@example.org,Oslo\n" for number in range(12)), readers
    )
    sample = outlook.sample(found, queries.fields())
    assert (found.changed, len(sample)) == (12, 10)
    with app.test_request_context():
        assert sample[0].lines == [("Town", "Cork", "Oslo"), ("List", "", "Subscribed")]
    assert (sample[0].email, sample[0].name) == ("p0@example.org", "P 0")


def test_who_is_shown_is_forgotten_once_it_is_confirmed(app: Flask) -> None:
    readers = given()
    found = checked(ROWS, readers)
    assert found.sample["people"]
    setup.start(found, now=clock.now())
    assert found.sample == {}


def test_who_is_erased_is_not_shown_any_more(app: Flask) -> None:
    readers = given()
    found = checked(ROWS, readers)
    services.delete_person(queries.person_by_address("ann@example.org"), now=clock.now())
    db.session.commit()
    assert after(found.id).sample["people"] == []


def test_nothing_to_do_is_unchanged_however_often(each_database: Flask) -> None:
    readers = make_list()
    rows = "Email,Points\nann@example.org,5\nbob@example.org,2.5\n"
    mapping = ["email", "new:number"]
    imported(rows, readers, mapping=mapping)
    stamps = [each.updated_at for each in db.session.scalars(sa.select(Subscriber))]
    again = imported(rows, readers)
    assert again.counts == {"rows": 2, "new": 0, "changed": 0, "unchanged": 2, "refused": 0, "left_out": 0}
    assert [each.updated_at for each in db.session.scalars(sa.select(Subscriber))] == stamps
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Consent)) == 2


@pytest.mark.parametrize("died_after", [1, 2])
def test_it_goes_on_where_it_died(each_database: Flask, monkeypatch, died_after: int) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 10)
    rows = "Email\n" + "".join(f"p{number % 25}@example.org\n" for number in range(40))
    made = make_import(rows, make_list(), is_dry_run=True)
    heard: list[int] = []

    def dies(position: int) -> None:
        heard.append(position)
        if len(heard) == died_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(made.id, on_progress=dies)
    assert runner.run(made.id, now=lambda: clock.now() + timedelta(minutes=2))
    found = after(made.id)
    assert (found.counts["new"], found.counts["refused"], found.rows) == (25, 15, 40)
    assert found.sample["reasons"] == {"duplicate": 15}


def test_of_two_clicks_one_confirms_it(app: Flask) -> None:
    found = checked("Email\nann@example.org\n", make_list())
    setup.start(found, now=clock.now())
    with pytest.raises(Conflict):
        setup.start(found, now=clock.now())


def test_the_same_file_is_imported_into_a_list_once_at_a_time(each_database: Flask) -> None:
    readers, others = make_list(), make_list()
    first, second = (checked("Email\nann@example.org\n", readers) for _number in range(2))
    elsewhere = checked("Email\nann@example.org\n", others)
    setup.start(first, now=clock.now())
    setup.start(elsewhere, now=clock.now())
    with pytest.raises(Conflict, match="same file"):
        setup.start(second, now=clock.now())
    db.session.commit()
    assert runner.run(first.id)
    setup.start(after(second.id), now=clock.now())
    db.session.commit()
    assert runner.run(second.id)
    assert after(second.id).unchanged == 1


def test_the_attestation_is_kept_with_the_hash_of_the_file(app: Flask) -> None:
    from hashlib import sha256

    from campaigns.audit.models import AuditEntry

    done = imported("Email\nann@example.org\n", make_list("Readers"))
    digest = sha256(b"Email\nann@example.org\n").hexdigest()
    entry = db.session.scalars(sa.select(AuditEntry).filter_by(action="import.started")).one()
    assert done.sha256 == entry.details["sha256"] == digest
    assert entry.details["agreed"] is True
