"""Imports, and the rows of files from which nobody came."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.audience.models import List
from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Word

Texts = list[str]  # `list` is an attribute of some tables here


class ImportStatus(StrEnum):
    UPLOADED = "uploaded"  # the columns are not chosen yet
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def label(self) -> str:
        return statuses.label(self.value)


class Import(Model):
    """A CSV file being imported into a list. `rows_done` and `byte_position`: where to continue."""

    __tablename__ = "import"

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(sa.ForeignKey("list.id", ondelete="CASCADE"))
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    file_name: Mapped[str] = mapped_column(sa.String(255))
    path: Mapped[str] = mapped_column(sa.String(500))
    place: Mapped[str | None] = mapped_column(sa.String(16))  # id of the data folder with the file
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    encoding: Mapped[str] = mapped_column(sa.String(32), default="utf-8")
    delimiter: Mapped[str] = mapped_column(sa.String(1), default=",")
    columns: Mapped[Texts] = mapped_column(default=list)
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[ImportStatus] = mapped_column(Word(ImportStatus))
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    rows_total: Mapped[int | None]
    rows_done: Mapped[int] = mapped_column(default=0)
    byte_position: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(sa.String(500))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]  # when an operator dismissed its rejected rows on the start page

    list: Mapped[List] = relationship()

    @property
    def is_finished(self) -> bool:
        return self.status is ImportStatus.FINISHED

    @property
    def has_failed(self) -> bool:
        return self.status is ImportStatus.FAILED

    @property
    def rows_expected(self) -> int:
        """About how many rows the file has; 0 while nobody knows."""
        return self.rows_total or 0

    @property
    def rows_refused(self) -> int:
        """Rows from which nobody came onto the list."""
        return self.skipped + self.rejected

    @property
    def percent_read(self) -> int:
        """How much of the file has been read."""
        return 100 * self.byte_position // (self.size_bytes or 1)


class ImportReject(Model):
    """A rejected row of the file, with its line and the reason as a code."""

    __tablename__ = "import_reject"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("import.id", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    value: Mapped[str] = mapped_column(sa.String(320), default="")
    reason: Mapped[str] = mapped_column(sa.String(64))
    is_skip: Mapped[bool] = mapped_column(default=False)  # left out on purpose (suppressed), not invalid
    row: Mapped[Texts] = mapped_column(default=list)
