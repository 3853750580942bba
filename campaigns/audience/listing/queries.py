"""Named reads of lists by label and name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from campaigns.audience.listing.models import ListLabel
from campaigns.audience.models import List
from campaigns.core.db import db


def matching(text: str, *, label: str = "", archived: bool = False) -> Sequence[List]:
    """The lists whose name has every word, with that label, by name: the archived ones or the others."""
    statement = sa.select(List).where(
        List.archived_at.is_not(None) if archived else List.archived_at.is_(None),
        *(List.name.icontains(word, autoescape=True) for word in text.split()),
    )
    if label:
        has_label = sa.select(ListLabel.list_id).where(ListLabel.name == label)
        statement = statement.where(List.id.in_(has_label))
    return db.session.scalars(statement.order_by(sa.func.lower(List.name))).all()


def labels() -> Sequence[str]:
    """Every label by name."""
    return db.session.scalars(sa.select(ListLabel.name).distinct().order_by(ListLabel.name)).all()


def labels_of(list_ids: Collection[int]) -> Mapping[int, list[str]]:
    """The labels of several lists, by list and name."""
    found: dict[int, list[str]] = {each: [] for each in list_ids}
    rows = sa.select(ListLabel.list_id, ListLabel.name).where(ListLabel.list_id.in_(found))
    for list_id, name in db.session.execute(rows.order_by(ListLabel.name)):
        found[list_id].append(name)
    return found
