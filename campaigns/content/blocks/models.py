"""Saved blocks."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.core.db import Model

LONGEST_NAME = 100  # characters


class SavedBlock(Model):
    """Blocks with a name. `content` is JSON text of what stands in a document's content: checked when it was saved."""

    __tablename__ = "saved_block"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(LONGEST_NAME), unique=True)
    content: Mapped[str] = mapped_column(sa.Text)
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    created_by: Mapped[Operator | None] = relationship()

    @property
    def who(self) -> str:
        """Who saved it; empty when that isn't known any more."""
        return (self.created_by.name or self.created_by.email) if self.created_by else ""
