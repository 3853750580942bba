"""Labels of lists."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import Model


class ListLabel(Model):
    """A list has a label: a word by which operators find it."""

    __tablename__ = "list_label"

    list_id: Mapped[int] = mapped_column(sa.ForeignKey("list.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64), primary_key=True, index=True)
