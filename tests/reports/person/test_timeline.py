"""One timeline of everything: its order, its pages, its filters, and what each line says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as people_services
from campaigns.audience import suppressing
from campaigns.audience.bulk.models import BulkAct, BulkChange, Outcome, Stage
from campaigns.audience.bulk.models import Kind as BulkKind
from campaigns.audience.imports.models import ImportChange
from campaigns.audience.models import Consent, Origin, Subscriber, SuppressionReason
from campaigns.audience.person import notes
from campaigns.audience.tags import services as tag_services
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from campaigns.delivery.merging import services as merging_services
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.planning.models import Campaign
from campaigns.reports.person.moments import Group, Moment, Place, Source
from campaigns.reports.person.sources import Reader
from campaigns.reports.person.timeline import timeline, whole
from campaigns.tracking.models import Actor, Event, Kind, LeavingReason
from tests.audience.imports.files import make_import
from tests.factories import (
    NOON,
    make_campaign,
    make_delivery,
    make_field,
    make_list,
    make_revision,
    make_subscriber,
)

MINUTE = timedelta(minutes=1)


def make_event(delivery: Delivery, *, minutes: int = 1, kind: Kind = Kind.OPEN, **values) -> None:
    values = {"verdict": Actor.HUMAN, **values}
    at = NOON + minutes * MINUTE
    same = {"campaign_id": delivery.campaign_id, "delivery_id": delivery.id}
    db.session.add(Event(kind=kind, at=at, **same, **values))
    db.session.commit()


def make_bulk_change(person: Subscriber, kind: BulkKind, about: str, before: dict, **values) -> None:
    act = BulkAct(
        kind=kind, stage=Stage.FINISHED, about=about, details={"value": "Linz"}, created_at=NOON, **values
    )
    db.session.add(act)
    db.session.flush()
    outcome = Outcome.RESTORED if act.undone_at else Outcome.CHANGED
    db.session.add(BulkChange(act_id=act.id, subscriber_id=person.id, outcome=outcome, before=before))
    db.session.commit()


def lines_of(person: Subscriber, group: Group | None = None) -> list[str]:
    """What each line says, the latest first."""
    return [said(each) for each in timeline(person, group=group).moments]


def said(moment: Moment) -> str:
    text = f"{moment.state.word} {moment.about}" if moment.state is not None else moment.sentence
    return " | ".join([text, *moment.details, *([moment.url] if moment.url else [])])


@pytest.fixture
def ann(each_database: Flask) -> Subscriber:
    return make_subscriber("ann@example.org", fields={"city": "Graz"})


def test_emails_say_what_became_of_them_and_why(ann: Subscriber) -> None:
    make_delivery(make_campaign(name="Spring"), ann)
    skipped = {"state": State.SKIPPED, "reason": Reason.SUPPRESSED, "batch_number": None, "started_at": None}
    make_delivery(make_campaign(name="Summer"), ann, **{**skipped, "batch_number": 1})
    failed = {"state": State.FAILED, "reason": Reason.MAILBOX_FULL, "code": 552, "reply": "Full"}
    make_delivery(make_campaign(name="Autumn"), ann, **failed, complained_at=NOON + MINUTE)
    waiting = {"state": State.PENDING, "done_at": None, "started_at": None}
    make_delivery(make_campaign(name="Winter"), ann, **waiting)
    make_delivery(make_campaign(name="Yule"), ann, bounced_at=NOON + 2 * MINUTE, replied_at=NOON)
    assert sorted(lines_of(ann, Group.EMAILS)) == sorted(
        [
            "sent Spring",
            "skipped Summer | is on the suppression list",
            "failed Autumn | the mailbox is full | 552 Full",
            "Marked “Autumn” as spam",
            "queued Winter",
            "bounced Yule",
            "“Yule” bounced",
            "Replied to “Yule”",
        ]
    )


def test_opens_and_clicks_by_machines_stand_apart(ann: Subscriber) -> None:
    campaign = make_campaign(name="Spring")
    make_revision(campaign, links=("https://example.com/one",))
    got = make_delivery(campaign, ann)
    make_event(got, minutes=1)
    make_event(got, minutes=2, verdict=Actor.MACHINE)
    make_event(got, minutes=3, kind=Kind.CLICK, link_number=1)
    make_event(got, minutes=4, kind=Kind.UNSUBSCRIBE, reason=LeavingReason.TOO_MANY)
    assert lines_of(ann, Group.ACTIVITY) == [
        "Unsubscribed from “Spring” | Too many emails",
        "Clicked in “Spring” | https://example.com/one",
        "Images of “Spring” loaded automatically",
        "Opened “Spring”",
    ]
    assert [each.is_machine for each in timeline(ann, group=Group.ACTIVITY).moments] == [
        False,
        False,
        True,
        False,
    ]


def test_what_operators_and_imports_did_is_told_with_its_values(ann: Subscriber) -> None:
    make_field("city", label="City")
    loft = make_list("Loft")
    made = make_import("email\nann@example.org\n", loft, file_name="fair.csv")
    about = {"import_id": made.id, "subscriber_id": ann.id}
    db.session.add(ImportChange(**about, before={"fields": {"city": ["Wien", "Graz"]}}))
    consent = {"subscriber_id": ann.id, "list_id": loft.id, "import_id": made.id}
    db.session.add(Consent(**consent, at=NOON, act="imported", origin=Origin.IMPORT, wording="I agree"))
    people_services.update_person(ann, email=ann.email, fields={"city": "Linz"}, now=NOON + MINUTE)
    tag_services.set_of_person(ann.id, ["VIP"], now=NOON + MINUTE)
    notes.add(ann, "Met at the fair", author="Ada", operator_id=None, now=NOON)
    suppressing.suppress(ann.email, reason=SuppressionReason.OPERATOR, note="asked by phone", now=NOON)
    make_bulk_change(ann, BulkKind.FIELD, "City", {"was": "Graz"})
    make_bulk_change(ann, BulkKind.TAG, "Old", {}, undone_at=NOON + MINUTE)
    assert sorted(lines_of(ann, Group.CHANGES)) == sorted(
        [
            "Changed by the import of fair.csv | City: Wien → Graz",
            "Details changed | City: Graz → Linz",
            "Tags added: VIP",
            "Set field: City | Graz → Linz",
            "Add tags: Old",
            "Undone: Add tags (Old)",
            "Person added",
        ]
    )
    assert sorted(lines_of(ann, Group.CONSENT)) == [
        "Address suppressed: Suppressed manually | asked by phone",
        "Imported: Loft | I agree | fair.csv",
    ]
    assert lines_of(ann, Group.NOTES) == ["Note by Ada | Met at the fair"]
    assert len(lines_of(ann)) == 10


def test_a_deleted_list_leaves_its_consent_record(ann: Subscriber) -> None:
    db.session.add(Consent(subscriber_id=ann.id, at=NOON, act="imported", origin=Origin.IMPORT))
    db.session.add(Consent(subscriber_id=ann.id, at=NOON, act="unsubscribed", origin=Origin.PAGE))
    db.session.commit()
    assert sorted(lines_of(ann, Group.CONSENT)) == ["Imported: a deleted list", "Unsubscribed"]


def crowd_of_moments(person: Subscriber) -> None:
    """Lines of several sources, many of them of one moment."""
    for number in range(4):
        got = make_delivery(make_campaign(), person, bounced_at=NOON if number % 2 else None)
        for minute in (0, 0, number):
            make_event(got, minutes=minute)
        notes.add(person, f"note {number}", author="Ada", operator_id=None, now=NOON)
        db.session.add(Consent(subscriber_id=person.id, at=NOON, act="added", origin=Origin.FORM))
        make_bulk_change(person, BulkKind.TAG, "VIP", {}, undone_at=NOON)
        tag_services.set_of_person(person.id, [f"tag {number}"], now=NOON)
    db.session.commit()


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("group", [None, *Group])
def test_pages_put_together_are_the_whole(each_database: Flask, size: int, group: Group | None) -> None:
    person = make_subscriber()
    crowd_of_moments(person)
    every = [each.place for each in timeline(person, group=group, size=1000).moments]
    assert every == sorted(every, reverse=True)
    assert len(every) == len(set(every))
    found, before = [], None
    while True:
        page = timeline(person, group=group, before=before, size=size)
        assert len(page.moments) <= size
        found += [each.place for each in page.moments]
        if page.next is None:
            break
        before = Place.parse(str(page.next))
    assert found == every


def test_the_whole_timeline_has_every_line(each_database: Flask) -> None:
    person = make_subscriber()
    crowd_of_moments(person)
    assert (
        len(list(whole(person))) == len(timeline(person, size=1000).moments) == 4 + 2 + 12 + 4 + 4 + 8 + 4 + 1
    )


@pytest.mark.parametrize("text", ["", "x", "1-2", "1-2-x", "-1-2-3", "1-2-3-4", "²-1-1"])
def test_a_place_that_is_none_means_the_latest(text: str) -> None:
    assert Place.parse(text) is None


def test_a_place_survives_its_text() -> None:
    place = Place(NOON + timedelta(microseconds=7), Source.NOTE.rank, 12)
    assert Place.parse(str(place)) == place
    assert Place.parse("9" * 18 + "-1-1") is not None


def test_days_are_those_of_the_reader_and_equal_lines_are_one(ann: Subscriber) -> None:
    got = make_delivery(make_campaign(name="Spring"), ann)
    for minute in (659, 661, 662, 663):  # 23:00 in UTC is midnight in Vienna
        make_event(got, minutes=minute)
    days = timeline(ann, group=Group.ACTIVITY).days(ZoneInfo("Europe/Vienna"))
    assert [(day.day, [each.times for each in some]) for day, some in days] == [(24, [3]), (23, [1])]


def test_an_email_from_before_a_merge_says_where_it_went(each_database: Flask) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    both = make_campaign(name="Spring")
    make_delivery(both, ana)
    make_event(make_delivery(both, old))
    make_delivery(make_campaign(name="Summer"), old)
    merging_services.merge(ana.id, old.id, now=NOON)
    db.session.commit()
    kept = db.session.get_one(Subscriber, ana.id)
    assert sorted(lines_of(kept, Group.EMAILS)) == [
        "sent Spring",
        "sent Spring | To ana@old.example",
        "sent Summer | To ana@old.example",
    ]
    assert lines_of(kept, Group.ACTIVITY) == ["Opened “Spring”"]
    assert "Merged with ana@old.example" in lines_of(kept, Group.CHANGES)


# -- quick among many


@contextmanager
def asked_of_the_database() -> Iterator[list[tuple[str, object]]]:
    """The statements of the block, with their values."""
    asked: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
        asked.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def plans_of(read) -> str:
    """How the database would run what `read` asks."""
    with asked_of_the_database() as asked:
        read()
    how = "EXPLAIN QUERY PLAN " if is_sqlite() else "EXPLAIN "
    connection = db.session.connection()
    plans = [
        connection.exec_driver_sql(how + text, values).all() for text, values in asked if text[:6] == "SELECT"
    ]
    return "\n".join(str(row) for plan in plans for row in plan)


def test_no_line_of_a_person_is_looked_for_among_everybodys(each_database: Flask) -> None:
    person = make_subscriber()
    crowd_of_moments(person)
    if not is_sqlite():
        db.session.execute(
            sa.text("SET enable_seqscan = off")
        )  # tables of a few rows are read whole otherwise
    reader = Reader(person, Place(clock.now(), 1, 1), 40)

    def read() -> None:
        for source in ("emails", "events", "consents", "suppressions", "changes", "notes", "bulk", "imports"):
            getattr(reader, source)()

    plans = plans_of(read)
    scanned = "SCAN {}\\b" if is_sqlite() else "Seq Scan on {}\\b"
    for table in (
        "delivery",
        "event",
        "consent",
        "suppression",
        "person_change",
        "person_note",
        "bulk_change",
    ):
        assert not re.search(scanned.format(table), plans), f"{table}\n{plans}"
        assert re.search(rf"\b{table}\b|ix_{table}|uq_{table}", plans), table


def test_a_busy_person_costs_no_more_statements_than_a_quiet_one(each_database: Flask) -> None:
    quiet, busy = make_subscriber(), make_subscriber()
    make_delivery(make_campaign(), quiet)
    crowd_of_moments(busy)
    ids = quiet.id, busy.id
    counts = [statements_of(each) for each in ids]
    assert counts[1] <= counts[0] + 1


def statements_of(person_id: int) -> int:
    db.session.expire_all()
    person = db.session.get_one(Subscriber, person_id)
    with asked_of_the_database() as asked:
        timeline(person)
    return len(asked)


def test_campaigns_names_are_read_with_their_emails(ann: Subscriber) -> None:
    make_delivery(make_campaign(name="{{ first }} <b>"), ann)
    assert db.session.query(Campaign).count() == 1
    assert lines_of(ann, Group.EMAILS) == ["sent {{ first }} <b>"]
