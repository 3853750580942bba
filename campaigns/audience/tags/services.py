"""Tags: made, renamed, deleted, given to people and taken from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.person import changes
from campaigns.audience.tags import queries, uses
from campaigns.audience.tags.models import PersonTag, Tag
from campaigns.audit import services as audit_services
from campaigns.core.db import changed_by, db
from campaigns.core.dialect import insert
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _

LONGEST_NAME = 64
MOST_TAGS = 2_000
SEPARATORS = ",;|\n\t"


def find_or_create(names: Iterable[str], *, now: datetime) -> list[Tag]:
    """The tags with these names, made where they are missing. Raises Invalid for a name that can't be one."""
    wanted = {each.casefold(): each for each in map(_clean, names)}
    known = {each.key: each for each in queries.tags()}
    if len(known) + len(wanted.keys() - known.keys()) > MOST_TAGS:
        raise Invalid(_("There are %(most)d tags already. Delete some first.", most=MOST_TAGS), field="tags")
    for key, name in wanted.items():
        if key not in known:
            known[key] = Tag(name=name, key=key, created_at=now)
            db.session.add(known[key])
            audit_services.record("tag.created", name, now=now)
    db.session.flush()
    return [known[key] for key in wanted]


def rename(tag: Tag, name: str) -> None:
    """Change a tag's name; raises Invalid, Conflict if another tag has it."""
    name = _clean(name)
    taken = db.session.scalar(sa.select(Tag).where(Tag.key == name.casefold(), Tag.id != tag.id))
    if taken is not None:
        raise Conflict(_("There is already a tag named %(name)s.", name=taken.name))
    tag.name, tag.key = name, name.casefold()
    db.session.flush()
    audit_services.record("tag.renamed", name)


def delete(tag: Tag) -> None:
    """Delete a tag and take it from everybody."""
    audit_services.record("tag.deleted", tag.name)
    db.session.delete(tag)
    db.session.flush()


def delete_unused(tag: Tag) -> None:
    """The same for a tag that no segment asks for; raises Conflict."""
    _refuse_if_asked_for(tag)
    delete(tag)


def merge(gone: Tag, into: Tag) -> None:
    """Give everybody with a tag another one instead. Raises Conflict for one that a segment asks for, or for itself."""
    if gone.id == into.id:
        raise Conflict(_("Choose another tag."))
    _refuse_if_asked_for(gone)
    people = sa.select(sa.literal(into.id), PersonTag.subscriber_id).where(PersonTag.tag_id == gone.id)
    changed_by(insert(PersonTag).from_select(["tag_id", "subscriber_id"], people).on_conflict_do_nothing())
    audit_services.record("tag.merged", gone.name, into=into.name)
    db.session.delete(gone)
    db.session.flush()


def _refuse_if_asked_for(tag: Tag) -> None:
    if name := uses.segment_of(tag.id):
        raise Conflict(_("The segment “%(name)s” asks for this tag. Change it first.", name=name))


def names_in(text: str) -> list[str]:
    """The names in a text with commas or line ends between them."""
    return [each.strip() for each in text.replace("\n", ",").split(",") if each.strip()]


def give(tags: Collection[Tag], subscriber_ids: Collection[int]) -> int:
    """Give people tags; returns how many tags were new to somebody."""
    pairs = [{"tag_id": tag.id, "subscriber_id": who} for tag in tags for who in subscriber_ids]
    if not pairs:
        return 0
    given = changed_by(insert(PersonTag).values(pairs).on_conflict_do_nothing())
    _note("people.tagged", tags, subscriber_ids)
    return given


def take(tags: Collection[Tag], subscriber_ids: Collection[int]) -> int:
    """Take tags from people; returns how many were taken."""
    taken = changed_by(
        sa.delete(PersonTag).where(
            PersonTag.tag_id.in_([tag.id for tag in tags]), PersonTag.subscriber_id.in_(subscriber_ids)
        )
    )
    if taken:
        _note("people.untagged", tags, subscriber_ids)
    return taken


def set_of_person(subscriber_id: int, names: Iterable[str], *, now: datetime) -> None:
    """Give a person exactly these tags; raises Invalid for a name that can't be one."""
    wanted = {each.id: each for each in find_or_create(names, now=now)}
    held = {each.id: each for each in queries.of_people([subscriber_id])[subscriber_id]}
    added = [each for key, each in wanted.items() if key not in held]
    removed = [each for key, each in held.items() if key not in wanted]
    give(added, [subscriber_id])
    take(removed, [subscriber_id])
    names_of = ([each.name for each in added], [each.name for each in removed])
    changes.record_tags([subscriber_id], added=names_of[0], removed=names_of[1], now=now)


def _note(action: str, tags: Collection[Tag], people: Collection[int]) -> None:
    names = ", ".join(each.name for each in tags)
    audit_services.record(action, names[:200], people=len(people))


def _clean(name: str) -> str:
    """The name of a tag; raises Invalid."""
    name = " ".join(name.split())
    if not name:
        raise Invalid(_("Enter a tag name."), field="tags")
    if len(name) > LONGEST_NAME or any(each in name for each in SEPARATORS) or "\0" in name:
        raise Invalid(
            _("Tags have up to %(most)d characters and no commas, semicolons or |.", most=LONGEST_NAME),
            field="tags",
        )
    return name
