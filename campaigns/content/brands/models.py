"""Brands: styles of emails that are kept and used again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.content.documents import style as styles
from campaigns.content.documents.style import Style
from campaigns.core.db import Model

SWATCH = 24  # px


class Brand(Model):
    """A style with a name. At most one is the default, which new emails begin with."""

    __tablename__ = "brand"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    style_json: Mapped[str] = mapped_column("style", sa.Text)  # as a document has it
    is_default: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        sa.Index(
            "uq_brand_default",
            "is_default",
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        ),
    )

    @property
    def style(self) -> Style:
        """The style, checked anew: what was saved by an older version has today's defaults."""
        return styles.from_json(self.style_json)

    @property
    def data(self) -> dict[str, Any]:
        """The brand as an editor's script takes it."""
        style = styles.to_data(self.style)
        return {"id": self.id, "name": self.name, "is_default": self.is_default, "style": style}

    @property
    def swatches(self) -> list[tuple[int, str]]:
        """The colours by which it is recognised in a list, each with where it begins in a row of squares (px)."""
        found = self.style.colours
        names = ("background", "content", "heading", "link", "button")
        return [(position * SWATCH, found[name]) for position, name in enumerate(names)]
