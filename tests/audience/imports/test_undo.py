"""An undo leaves everybody as they were, unless something else happened to them since."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import queries
from campaigns.audience import services as audience_services
from campaigns.audience.imports import changes, duties, services, undo
from campaigns.audience.imports.models import ImportChange, ImportStatus
from campaigns.audience.models import Consent, Origin, Status, Subscriber, Subscription, Suppression
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.models import Wave
from tests.audience.imports.files import after, imported, undone
from tests.factories import make_campaign, make_delivery, make_field, make_list, make_subscriber

ROWS = "Email,First name,City\nann@example.org,Anna,Oslo\nbob@example.org,Bob,\nnew@example.org,Nia,Rome\n"


def state() -> dict[str, tuple]:
    """Everybody: fields, language, time zone, and each list with status, origin and moments."""
    db.session.expire_all()
    return {
        each.email: (
            each.fields,
            each.language,
            each.time_zone,
            [
                (held.list_id, held.status, held.origin, held.created_at, held.changed_at, held.confirmed_at)
                for held in each.subscriptions
            ],
        )
        for each in db.session.scalars(sa.select(Subscriber))
    }


def given():
    """Ann is on another list only, Bob waits for his confirmation."""
    readers = make_list()
    make_field("first_name", label="First name"), make_field("city")
    make_subscriber(
        "ann@example.org", fields={"first_name": "Ann", "age": 3}, lists=[make_list()], language="de"
    )
    make_subscriber("bob@example.org", lists=[readers], status=Status.UNCONFIRMED)
    return readers


def test_it_is_exact(each_database: Flask) -> None:
    readers = given()
    before = state()
    done = imported(ROWS, readers)
    assert state() != before
    gone = undone(done)
    assert state() == before
    assert gone.status is ImportStatus.UNDONE
    assert gone.undone == {"deleted": 1, "restored": 2}
    assert not changes.has_any(done.id)
    entry = db.session.scalars(sa.select(AuditEntry).filter_by(action="people.import_undone")).one()
    assert entry.details == {"list": readers.name, "deleted": 1, "restored": 2}
    acts = [each.act for each in queries.consents(queries.person_by_address("ann@example.org").id)]
    assert acts == ["import_undone", "imported"]


def test_what_was_changed_since_stays_and_is_counted(each_database: Flask) -> None:
    readers = given()
    done = imported(ROWS + "zoe@example.org,Zoë,\n", readers)
    ann = queries.person_by_address("ann@example.org")
    new = queries.person_by_address("new@example.org")
    for person, fields in ((ann, {"city": "Bergen"}), (new, {"city": "Turin"})):
        audience_services.update_person(
            person,
            email=person.email,
            fields=fields,
            language=person.language,
            time_zone=person.time_zone,
            now=clock.now(),
        )
    db.session.commit()
    gone = undone(done)
    assert gone.undone == {"deleted": 1, "restored": 1, "kept_changed": 2}
    assert queries.person_by_address("ann@example.org").fields["city"] == "Bergen"
    assert queries.person_by_address("new@example.org").fields["city"] == "Turin"
    assert queries.person_by_address("zoe@example.org") is None


def test_a_field_that_the_import_left_alone_may_change_without_harm(app: Flask) -> None:
    readers = given()
    done = imported(ROWS, readers)
    ann = queries.person_by_address("ann@example.org")
    ann.fields = {**ann.fields, "age": 4}
    db.session.commit()
    undone(done)
    assert queries.person_by_address("ann@example.org").fields == {"first_name": "Ann", "age": 4}


def test_nobody_who_has_left_is_subscribed_again(each_database: Flask) -> None:
    readers = given()
    done = imported(ROWS, readers)
    for email in ("bob@example.org", "new@example.org"):
        number = queries.person_by_address(email).id
        audience_services.unsubscribe(number, list_ids=[readers.id], origin=Origin.ONE_CLICK, now=clock.now())
    db.session.commit()
    gone = undone(done)
    assert gone.undone == {"restored": 1, "kept_unsubscribed": 2}
    for email in ("bob@example.org", "new@example.org"):
        held = queries.subscription(queries.person_by_address(email).id, readers.id)
        assert (held.status, held.origin) == (Status.UNSUBSCRIBED, Origin.ONE_CLICK)


def test_who_was_emailed_or_is_elsewhere_stays(each_database: Flask) -> None:
    readers, others = make_list(), make_list()
    done = imported("Email\na@example.org\nb@example.org\nc@example.org\n", readers)
    first, second, _third = (queries.person_by_address(f"{name}@example.org") for name in "abc")
    campaign = make_campaign(lists=[readers])
    db.session.add(Wave(campaign_id=campaign.id, number=2, audience=1, left_out=[], launched_at=clock.now()))
    make_delivery(campaign, first, wave=2)
    audience_services.subscribe(second, others, origin=Origin.FORM, now=clock.now())
    db.session.commit()
    assert undone(done).undone == {"deleted": 1, "kept_emailed": 1, "kept_elsewhere": 1}


def test_a_person_deleted_since_is_no_trouble(app: Flask) -> None:
    done = imported("Email\na@example.org\nb@example.org\n", make_list())
    audience_services.delete_person(queries.person_by_address("a@example.org"), now=clock.now())
    db.session.commit()
    assert undone(done).undone == {"deleted": 1}


def test_another_import_is_another_change(app: Flask) -> None:
    readers = given()
    first = imported(ROWS, readers)
    second = imported("Email,City\nann@example.org,Paris\n", readers)
    assert undone(first).undone["kept_changed"] == 1
    assert queries.person_by_address("ann@example.org").fields["city"] == "Paris"
    undone(second)
    assert queries.person_by_address("ann@example.org").fields["city"] == "Oslo"


def test_what_a_status_in_the_file_did_is_undone_too(each_database: Flask) -> None:
    readers = make_list()
    make_subscriber("ann@example.org", lists=[readers])
    before = state()
    rows = "Email,Status\nann@example.org,unsubscribed\nbad@example.org,bounced\n"
    done = imported(rows, readers)
    assert queries.suppression_by_address("bad@example.org") is not None
    assert state() != before
    assert undone(done).undone == {"restored": 1, "unsuppressed": 1}
    assert state() == before
    assert db.session.scalar(sa.select(Suppression.id)) is None


def test_it_goes_on_where_it_died_and_reports_the_whole(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(undo, "AT_ONCE", 10)
    rows = "Email\n" + "".join(f"p{number}@example.org\n" for number in range(35))
    done = imported(rows, make_list())
    services.ask_undo(done, now=clock.now())
    db.session.commit()
    looked: list[int] = []

    def dies(ids, since):
        looked.append(len(ids))
        if len(looked) == 3:
            raise KeyboardInterrupt
        return delivery_queries.emailed_since(ids, since)

    with pytest.raises(KeyboardInterrupt):
        undo.run(done.id, was_emailed=dies)
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Subscriber)) == 15
    later = clock.now() + timedelta(minutes=2)
    assert not undo.run(done.id, was_emailed=delivery_queries.emailed_since), "the lease still holds"
    assert undo.run(done.id, was_emailed=delivery_queries.emailed_since, now=lambda: later)
    assert after(done.id).undone == {"deleted": 35}
    for table in (Subscriber, Subscription, Consent, ImportChange):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def test_it_is_possible_for_thirty_days_and_not_twice(app: Flask) -> None:
    done = imported("Email\na@example.org\n", make_list())
    late = clock.now() + timedelta(days=31)
    with pytest.raises(Conflict, match="30 days"):
        services.ask_undo(done, now=late)
    undone(done)
    with pytest.raises(Conflict, match="nothing to undo"):
        services.ask_undo(after(done.id), now=clock.now())


def test_what_undoes_it_is_removed_after_thirty_days(each_database: Flask, monkeypatch) -> None:
    monkeypatch.setattr(changes, "AT_ONCE", 2)
    done = imported("Email\n" + "".join(f"p{number}@example.org\n" for number in range(5)), make_list())
    duties.clean_up(clock.now() + timedelta(days=29))
    assert changes.has_any(done.id)
    duties.clean_up(clock.now() + timedelta(days=31))
    assert not changes.has_any(done.id)
    assert not services.can_be_undone(after(done.id), now=clock.now())


def test_what_undoes_it_goes_with_the_person_the_import_and_the_list(app: Flask) -> None:
    readers = given()
    done = imported(ROWS, readers)
    audience_services.delete_person(queries.person_by_address("ann@example.org"), now=clock.now())
    db.session.commit()
    kept = db.session.scalars(sa.select(ImportChange.subscriber_id)).all()
    assert len(kept) == 2
    services.delete_import(done)
    db.session.commit()
    assert db.session.scalar(sa.select(ImportChange.subscriber_id)) is None
    imported("Email\nlast@example.org\n", readers)
    db.session.delete(queries.list_(readers.id))
    db.session.commit()
    duties.clean_up(clock.now())
    assert db.session.scalar(sa.select(ImportChange.subscriber_id)) is None
