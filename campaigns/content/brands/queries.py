"""Reads of brands."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.content.brands.models import Brand
from campaigns.content.documents.style import Style
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _


def brands() -> list[Brand]:
    """All brands, the default one first, then by name."""
    return list(db.session.scalars(sa.select(Brand).order_by(Brand.is_default.desc(), Brand.name, Brand.id)))


def brand(brand_id: int) -> Brand:
    """That brand; raises NotFound."""
    found = db.session.get(Brand, brand_id)
    if found is None:
        raise NotFound(_("Brand not found."))
    return found


def brand_by_name(name: str) -> Brand | None:
    """The brand with that name, or None."""
    return db.session.scalar(sa.select(Brand).where(Brand.name == name))


def default_style() -> Style | None:
    """The style of the default brand; None without one."""
    found = db.session.scalar(sa.select(Brand).where(Brand.is_default))
    return found.style if found else None
