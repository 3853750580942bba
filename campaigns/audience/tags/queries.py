"""Named reads of tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from campaigns.audience.tags.models import PersonTag, Tag
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _


def tags() -> Sequence[Tag]:
    """All tags by name."""
    return db.session.scalars(sa.select(Tag).order_by(Tag.key)).all()


def tag(tag_id: int) -> Tag:
    """That tag; raises NotFound."""
    found = db.session.get(Tag, tag_id) if abs(tag_id) <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Tag not found."))
    return found


def names() -> dict[int, str]:
    """The name of each tag, by number."""
    return {each.id: each.name for each in tags()}


def sizes() -> dict[int, int]:
    """How many people have each tag; tags that nobody has are missing."""
    statement = sa.select(PersonTag.tag_id, sa.func.count()).group_by(PersonTag.tag_id)
    return {row[0]: row[1] for row in db.session.execute(statement)}


def of_people(subscriber_ids: Collection[int]) -> Mapping[int, list[Tag]]:
    """The tags of several people, by person and name."""
    found: dict[int, list[Tag]] = {each: [] for each in subscriber_ids}
    statement = (
        sa.select(PersonTag.subscriber_id, Tag)
        .join(Tag, Tag.id == PersonTag.tag_id)
        .where(PersonTag.subscriber_id.in_(found))
        .order_by(Tag.key)
    )
    for subscriber_id, each in db.session.execute(statement):
        found[subscriber_id].append(each)
    return found
