"""Segments: created, changed, copied, counted, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audience.models import Subscriber
from campaigns.audience.segments import queries
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import as_json, read
from campaigns.audit import services as audit_services
from campaigns.core import addresses
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _, translate

LONGEST_NAME = 100
MOST_SEGMENTS = 1_000


def create(name: str, rule: Any, *, by: Operator | None, now: datetime) -> Segment:
    """A new segment. Raises Invalid with `field` "name" or the path in the rule, Conflict for too many."""
    if (db.session.scalar(sa.select(sa.func.count()).select_from(Segment)) or 0) >= MOST_SEGMENTS:
        raise Conflict(_("There are %(most)d segments already. Delete some first.", most=MOST_SEGMENTS))
    made = Segment(
        name=_free_name(name), rule=_checked(rule), created_by=by, created_at=now, updated_at=now, version=1
    )
    db.session.add(made)
    db.session.flush()
    audit_services.record("segment.created", made.name, now=now)
    return made


def update(segment: Segment, *, name: str, rule: Any, version: int, now: datetime) -> None:
    """Save a name and a rule, if the segment's version is still this one. Raises Invalid, Conflict."""
    name, checked = _free_name(name, but=segment.id), _checked(rule, within=segment.id)
    claimed = changed_by(
        sa.update(Segment)
        .where(Segment.id == segment.id, Segment.version == version)
        .values(name=name, rule=checked, version=version + 1, updated_at=now, people=None, counted_at=None)
    )
    db.session.refresh(segment)
    if not claimed:
        raise Conflict(
            _("This segment was changed in the meantime. Reload the page and make your change again.")
        )
    audit_services.record("segment.updated", name, now=now)


def duplicate(segment: Segment, *, by: Operator | None, now: datetime) -> Segment:
    """A copy under a name of its own; raises Conflict for too many."""
    taken = {each.name for each in queries.segments()}
    wanted = translate("%(name)s (copy)", name=segment.name[: LONGEST_NAME - 20])
    name, number = str(wanted), 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return create(name, segment.rule, by=by, now=now)


def delete(segment: Segment) -> None:
    """Delete a segment that no other one names; who uses it elsewhere is asked above. Raises Conflict."""
    if others := queries.naming(segment.id):
        raise Conflict(_("The segment “%(name)s” uses this one. Change it first.", name=others[0].name))
    audit_services.record("segment.deleted", segment.name)
    db.session.delete(segment)
    db.session.flush()


def count_again(segment: Segment, *, now: datetime) -> int:
    """Count a segment's people and remember the number. Raises Invalid for a rule that needs a correction,
    TookTooLong.
    """
    people = queries.count(queries.rule_of(segment), now=now)
    changed_by(sa.update(Segment).where(Segment.id == segment.id).values(people=people, counted_at=now))
    db.session.refresh(segment)
    return people


def note_explained(segment: Segment, person: Subscriber, *, now: datetime) -> None:
    """Put on record that somebody asked why a person is in a segment."""
    audit_services.record("segment.explained", segment.name, person=addresses.masked(person.email), now=now)


def _checked(rule: Any, *, within: int | None = None) -> dict[str, Any]:
    """The rule as it is stored; raises Invalid."""
    known = queries.catalog()
    tree = read(rule, known)
    queries.whole(tree, known, within=() if within is None else (within,))
    return as_json(tree)


def _free_name(name: str, *, but: int | None = None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise Invalid(_("Enter a name of up to %(most)d characters.", most=LONGEST_NAME), field="name")
    taken = sa.select(Segment.id).where(sa.func.lower(Segment.name) == name.lower(), Segment.id != (but or 0))
    if db.session.scalar(taken) is not None:
        raise Invalid(_("There is already a segment with this name."), field="name")
    return name
