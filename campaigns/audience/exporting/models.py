"""Exports that a worker writes to a file, and the columns an operator chose last."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core import statuses
from campaigns.core.db import Model, Word
from campaigns.core.i18n import _


class Format(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"

    @property
    def label(self) -> str:
        return _("JSON Lines") if self is Format.JSON_LINES else _("CSV")

    @property
    def mime_type(self) -> str:
        return "application/x-ndjson" if self is Format.JSON_LINES else "text/csv"


class ExportStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def label(self) -> str:
        return statuses.label(self.value)


class Export(Model):
    """A file of people that a worker writes. `last_id`: the last person in it, after whom it goes on."""

    __tablename__ = "export"

    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    name: Mapped[str] = mapped_column(sa.String(100))  # of the download, without its ending
    wanted: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the arguments of the search
    columns: Mapped[list[str]] = mapped_column(default=list)
    format: Mapped[Format] = mapped_column(Word(Format))
    is_raw: Mapped[bool] = mapped_column(default=False)
    status: Mapped[ExportStatus] = mapped_column(Word(ExportStatus))
    path: Mapped[str] = mapped_column(sa.String(500), default="")
    place: Mapped[str] = mapped_column(sa.String(16))  # id of the data folder with the file
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    people_total: Mapped[int] = mapped_column(default=0)
    people_done: Mapped[int] = mapped_column(default=0)
    last_id: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    error: Mapped[str | None] = mapped_column(sa.String(500))
    created_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]

    @property
    def is_finished(self) -> bool:
        return self.status is ExportStatus.FINISHED

    @property
    def has_failed(self) -> bool:
        return self.status is ExportStatus.FAILED

    @property
    def file_name(self) -> str:
        """What the download is called."""
        return f"{self.name}.{self.format.value}"

    @property
    def percent_done(self) -> int:
        return min(100, 100 * self.people_done // (self.people_total or 1))


class ExportChoice(Model):
    """What an operator chose for their last export."""

    __tablename__ = "export_choice"

    operator_id: Mapped[int] = mapped_column(
        sa.ForeignKey("operator.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    columns: Mapped[list[str]] = mapped_column(default=list)
    format: Mapped[Format] = mapped_column(Word(Format))
