"""What tells that the database was restored from a backup."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import Model


class Watermark(Model):
    """The number that counts up while campaigns are sent (`autopause.restored_backup`): one row, id 1."""

    __tablename__ = "watermark"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger)
