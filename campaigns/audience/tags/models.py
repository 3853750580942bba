"""Tags and who has them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import BigId, Model


class Tag(Model):
    """A word that operators give people. `key`: the name without regard to case, unique."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime]


class PersonTag(Model):
    """A person has a tag."""

    __tablename__ = "person_tag"

    tag_id: Mapped[int] = mapped_column(sa.ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, index=True
    )
