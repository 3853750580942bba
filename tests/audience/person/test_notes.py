"""Notes on people, and what was changed about them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from campaigns.audience import services as people_services
from campaigns.audience import suppressing
from campaigns.audience.models import SuppressionReason
from campaigns.audience.person import notes
from campaigns.audience.person.models import Act, PersonChange, PersonNote
from campaigns.audience.tags import services as tag_services
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.core.errors import Forbidden, Invalid, NotFound
from tests.factories import NOON, make_operator, make_subscriber

LATER = NOON + timedelta(hours=1)


def changes() -> list[tuple[Act, dict]]:
    return [(each.act, each.details) for each in db.session.query(PersonChange).order_by(PersonChange.id)]


def test_a_note_keeps_its_author_and_its_time(each_database: Flask) -> None:
    ann, ada = make_subscriber(), make_operator(name="Ada")
    notes.add(ann, "  Met at the fair\r\nCall back ", author="Ada", operator_id=ada.id, now=NOON)
    db.session.commit()
    (note,) = notes.of_person(ann.id)
    assert (note.text, note.author, note.created_at) == ("Met at the fair\nCall back", "Ada", NOON)
    assert note.is_by(ada.id)
    notes.edit(note, ann, "Met in Graz", operator_id=ada.id, now=LATER)
    db.session.commit()
    assert (note.text, note.edited_at) == ("Met in Graz", LATER)


def test_only_who_wrote_a_note_edits_it_but_anyone_may_delete_it(each_database: Flask) -> None:
    ann, ada, ben = make_subscriber(), make_operator(), make_operator()
    note = notes.add(ann, "Met at the fair", author="Ada", operator_id=ada.id, now=NOON)
    with pytest.raises(Forbidden):
        notes.edit(note, ann, "Never met", operator_id=ben.id, now=LATER)
    assert note.text == "Met at the fair"
    notes.delete(note, ann, now=LATER)
    db.session.commit()
    assert notes.of_person(ann.id) == []
    actions = [each.action for each in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert actions == ["person.note_added", "person.note_deleted"]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 4_001, "a\0b"])
def test_what_is_no_note_is_refused(app: Flask, text: str) -> None:
    with pytest.raises(Invalid):
        notes.add(make_subscriber(), text, author="Ada", operator_id=None, now=NOON)


def test_a_note_is_found_on_its_own_person_alone(app: Flask) -> None:
    ann, bob = make_subscriber(), make_subscriber()
    note = notes.add(ann, "x" * 4_000, author="Ada", operator_id=None, now=NOON)
    assert notes.note(ann.id, note.id) is note
    with pytest.raises(NotFound):
        notes.note(bob.id, note.id)


def test_notes_and_changes_go_with_the_person(each_database: Flask) -> None:
    ann = make_subscriber()
    notes.add(ann, "Met at the fair", author="Ada", operator_id=None, now=NOON)
    tag_services.set_of_person(ann.id, ["VIP"], now=NOON)
    db.session.commit()
    people_services.delete_person(ann, now=LATER, keep_suppressed=True)
    db.session.commit()
    assert db.session.query(PersonNote).count() == db.session.query(PersonChange).count() == 0


def test_an_edit_is_recorded_with_its_values_and_the_audit_log_has_none(each_database: Flask) -> None:
    ann = make_subscriber("ann@old.example", fields={"city": "Graz", "age": 3})
    people_services.update_person(
        ann, email="ann@new.example", fields={"city": "Linz", "age": ""}, language="zh", now=LATER
    )
    db.session.commit()
    assert changes() == [
        (
            Act.EDITED,
            {
                "email": ["ann@old.example", "ann@new.example"],
                "language": [None, "zh"],
                "fields": {"city": ["Graz", "Linz"], "age": [3, None]},
            },
        )
    ]
    entry = db.session.query(AuditEntry).filter_by(action="person.updated").one()
    assert not [word for word in ("Graz", "Linz", "ann@") if word in f"{entry.subject} {entry.details}"]


def test_saving_without_a_change_leaves_no_record(app: Flask) -> None:
    ann = make_subscriber("ann@example.org", fields={"city": "Graz"})
    people_services.update_person(ann, email="ann@example.org", fields={"city": "Graz"}, now=LATER)
    tag_services.set_of_person(ann.id, [], now=NOON)
    assert changes() == []


def test_tags_that_come_and_go_are_recorded(each_database: Flask) -> None:
    ann = make_subscriber()
    tag_services.set_of_person(ann.id, ["VIP", "Press"], now=NOON)
    tag_services.set_of_person(ann.id, ["Press", "New"], now=LATER)
    db.session.commit()
    assert changes() == [
        (Act.TAGGED, {"added": ["VIP", "Press"]}),
        (Act.TAGGED, {"added": ["New"], "removed": ["VIP"]}),
    ]


def test_a_suppression_that_is_lifted_is_recorded(each_database: Flask) -> None:
    ann = make_subscriber()
    gone = suppressing.suppress(ann.email, reason=SuppressionReason.COMPLAINT, now=NOON)
    suppressing.lift(gone, now=LATER)
    db.session.commit()
    assert changes() == [(Act.UNSUPPRESSED, {"reason": "complaint"})]
