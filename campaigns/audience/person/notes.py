"""Notes on people: written, changed by who wrote them, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.audience.person.models import PersonNote
from campaigns.audit import services as audit_services
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.core.errors import Forbidden, Invalid, NotFound
from campaigns.core.i18n import _

LONGEST_NOTE = 4_000  # characters
MOST_NOTES = 1_000  # of one person


def of_person(subscriber_id: int) -> Sequence[PersonNote]:
    """A person's notes, latest first."""
    return db.session.scalars(
        sa.select(PersonNote)
        .filter_by(subscriber_id=subscriber_id)
        .order_by(PersonNote.created_at.desc(), PersonNote.id.desc())
    ).all()


def note(subscriber_id: int, note_id: int) -> PersonNote:
    """That note on that person; raises NotFound."""
    found = db.session.get(PersonNote, note_id)
    if found is None or found.subscriber_id != subscriber_id:
        raise NotFound(_("Note not found."))
    return found


def add(person: Subscriber, text: str, *, author: str, operator_id: int | None, now: datetime) -> PersonNote:
    """A new note; raises Invalid(field="text")."""
    text = _clean(text)
    held = db.session.scalar(
        sa.select(sa.func.count()).select_from(PersonNote).filter_by(subscriber_id=person.id)
    )
    if (held or 0) >= MOST_NOTES:
        raise Invalid(
            _("There are %(most)d notes already. Delete some first.", most=MOST_NOTES), field="text"
        )
    made = PersonNote(
        subscriber_id=person.id, operator_id=operator_id, author=author[:320], text=text, created_at=now
    )
    db.session.add(made)
    db.session.flush()
    _record("person.note_added", person, now)
    return made


def edit(changed: PersonNote, person: Subscriber, text: str, *, operator_id: int, now: datetime) -> None:
    """Change one's own note; raises Invalid(field="text"), Forbidden for somebody else's."""
    if not changed.is_by(operator_id):
        raise Forbidden(_("You can only edit notes that you wrote."))
    text = _clean(text)
    if text == changed.text:
        return
    changed.text, changed.edited_at = text, now
    db.session.flush()
    _record("person.note_edited", person, now)


def delete(gone: PersonNote, person: Subscriber, *, now: datetime) -> None:
    """Delete a note, whoever wrote it: it may say what should not be kept."""
    db.session.delete(gone)
    db.session.flush()
    _record("person.note_deleted", person, now)


def _record(action: str, person: Subscriber, now: datetime) -> None:
    audit_services.record(action, addresses.masked(person.email), now=now)


def _clean(text: str) -> str:
    """The text with plain line ends; raises Invalid."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise Invalid(_("Write something first."), field="text")
    if "\0" in text:
        raise Invalid(_("This contains invalid characters. Enter it again."), field="text")
    if len(text) > LONGEST_NOTE:
        raise Invalid(_("This is too long. Use up to 4,000 characters."), field="text")
    return text
