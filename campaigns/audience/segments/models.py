"""Segments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.core.db import Model


class Segment(Model):
    """People who match a rule (`tree`). `version` rises with every save."""

    __tablename__ = "segment"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    rule: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
    # How many people matched when it was last counted, and when; NULL: not counted yet.
    people: Mapped[int | None]
    counted_at: Mapped[datetime | None]
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    created_by: Mapped[Operator | None] = relationship()
