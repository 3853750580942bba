"""Changes to saved blocks. Emails have copies: they keep what was inserted."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.content.blocks import queries
from campaigns.content.blocks.models import LONGEST_NAME, SavedBlock
from campaigns.content.documents import reading, schema
from campaigns.content.documents.errors import DocumentError
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _

MOST_BLOCKS = 500
LARGEST_BYTES = 200 * 1024  # of one saved block, as JSON


def save(name: str, content: str, *, by: Operator | None, now: datetime) -> SavedBlock:
    """Keep blocks, a JSON list as it stands in a document, by a new name.

    Raises Invalid with the field to correct, DocumentError for what can't stand in a document, Conflict for too many.
    """
    kept = _cleaned_name(name)
    if (db.session.scalar(sa.select(sa.func.count()).select_from(SavedBlock)) or 0) >= MOST_BLOCKS:
        raise Conflict(_("There are %(most)d saved blocks already. Delete some first.", most=MOST_BLOCKS))
    _refuse_twice(kept, None)
    made = SavedBlock(
        name=kept,
        content=_checked(content),
        created_by_id=by.id if by else None,
        created_at=now,
        updated_at=now,
    )
    _add(made)
    audit_services.record("block.saved", made.name, now=now)
    return made


def rename(block: SavedBlock, name: str, *, now: datetime) -> None:
    """Call it differently; raises Invalid(field="name")."""
    new = _cleaned_name(name)
    if new == block.name:
        return
    _refuse_twice(new, block)
    audit_services.record("block.renamed", new, before=block.name, now=now)
    block.name, block.updated_at = new, now
    _add(block)


def delete(block: SavedBlock, *, now: datetime) -> None:
    """Delete it; emails keep the copies that were inserted."""
    audit_services.record("block.deleted", block.name, now=now)
    db.session.delete(block)
    db.session.flush()


def _add(block: SavedBlock) -> None:
    """Flush it; somebody may have taken the name since it was looked for."""
    name = block.name
    try:
        with db.session.begin_nested():
            db.session.add(block)
            db.session.flush()
    except IntegrityError as error:
        raise _taken(name) from error


def _refuse_twice(name: str, block: SavedBlock | None) -> None:
    other = queries.block_by_name(name)
    if other is not None and other is not block:
        raise _taken(name)


def _taken(name: str) -> Invalid:
    return Invalid(_("A saved block named %(name)s already exists.", name=name), field="name")


def _cleaned_name(text: str) -> str:
    """One line: control characters become spaces, halves of characters a question mark."""
    name = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    name = name.encode("utf-8", "replace").decode()
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(_("Enter a name of at most %(number)d characters.", number=LONGEST_NAME), field="name")
    return name


def _checked(text: str) -> str:
    """The content as it is stored; raises DocumentError or Invalid."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
        raise Invalid(_("This is too large for a saved block. Use at most 200 KB."), field="content")
    data: Any = reading.loaded(f'{{"content": {text}}}').get("content")
    if not schema.blocks(data, "content"):
        raise DocumentError("content", _("Choose at least one block."))
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
