"""Named reads of saved blocks."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer

from campaigns.content.blocks.models import SavedBlock
from campaigns.content.documents import rendering, schema
from campaigns.content.documents.nodes import Document
from campaigns.content.documents.style import Style
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import Page, paginate

_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def block(block_id: int) -> SavedBlock:
    """That saved block; raises NotFound."""
    found = db.session.get(SavedBlock, block_id) if 0 < block_id <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Saved block not found. It may have been deleted."))
    return found


def block_by_name(name: str) -> SavedBlock | None:
    """The saved block of that name, or None."""
    return db.session.scalar(sa.select(SavedBlock).filter_by(name=name))


def blocks(*, search: str = "", page: int = 1) -> Page[SavedBlock]:
    """Saved blocks without their content whose names have the words, by name."""
    statement = sa.select(SavedBlock)
    for word in search.split()[:8]:
        pattern = f"%{word.translate(_LIKE)}%"
        statement = statement.where(SavedBlock.name.ilike(pattern, escape="\\"))
    return paginate(_by_name(statement), number=page)


def names() -> list[tuple[int, str]]:
    """Id and name of all saved blocks, by name."""
    statement = sa.select(SavedBlock.id, SavedBlock.name).order_by(
        sa.func.lower(SavedBlock.name), SavedBlock.id
    )
    return [(row.id, row.name) for row in db.session.execute(statement)]


def content(block: SavedBlock) -> list[dict[str, Any]]:
    """The blocks as an editor's script takes them."""
    found: list[dict[str, Any]] = json.loads(block.content)
    return found


def html_of(block: SavedBlock, *, style: Style, language: str, public_url: str) -> str:
    """An email with nothing but these blocks, as HTML with merge tags; raises DocumentError."""
    document = Document(style, schema.blocks(content(block), "content"))
    return rendering.rendered(document, language=language, public_url=public_url)


def _by_name(statement: sa.Select[Any]) -> sa.Select[Any]:
    ordered = statement.order_by(sa.func.lower(SavedBlock.name), SavedBlock.id)
    return ordered.options(defer(SavedBlock.content))
