"""Where images are used: the key of one of their files stands in what somebody wrote, or in what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.content.media.models import Media
from campaigns.core.db import Model, db
from campaigns.planning.languages.models import Translation
from campaigns.planning.models import Campaign

# Columns that hold content, in whatever table.
WRITTEN = {"written", "html", "text", "source", "style", "content", "footer"}


@dataclass(frozen=True, slots=True)
class Use:
    """A campaign that has an image."""

    campaign_id: int
    name: str
    is_draft: bool


def of(media: Media) -> list[Use]:
    """The campaigns whose content has any version of the image, newest first."""
    keys = [file.key for file in media.files]
    if not keys:
        return []
    translated = sa.select(Translation.campaign_id).where(_has(Translation.__table__, keys))
    statement = sa.select(Campaign).where(sa.or_(_has(Campaign.__table__, keys), Campaign.id.in_(translated)))
    found = db.session.scalars(statement.order_by(Campaign.id.desc()))
    return [Use(each.id, each.name, each.is_editable) for each in found]


def is_anywhere(keys: Iterable[str]) -> bool:
    """Whether any content, written or frozen for sending, has one of the keys."""
    wanted = list(keys)
    return any(
        db.session.scalar(sa.select(sa.literal(1)).select_from(table).where(_has(table, wanted)).limit(1))
        for table in _tables()
    )


def _tables() -> Iterator[sa.Table]:
    for table in Model.metadata.sorted_tables:
        if not table.name.startswith("media") and list(_columns(table)):
            yield table


def _columns(table: sa.FromClause) -> Iterator[sa.ColumnElement[str]]:
    for column in table.columns:
        if column.name in WRITTEN and isinstance(column.type, sa.Text):
            yield column


def _has(table: sa.FromClause, keys: list[str]) -> sa.ColumnElement[bool]:
    """Keys are hexadecimal: nothing in them means anything to LIKE."""
    return sa.or_(*(column.like(f"%{key}%") for column in _columns(table) for key in keys))
