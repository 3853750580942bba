"""Imports, the rows of files from which nobody came, and what an import changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.audience.models import List
from campaigns.core import statuses
from campaigns.core.db import BigId, Json, Model, Word

Texts = list[str]  # `list` is an attribute of some tables here


class ImportStatus(StrEnum):
    UPLOADED = "uploaded"  # the columns are not chosen yet
    CHECKING = "checking"  # a dry run is queued or runs
    CHECKED = "checked"  # its result waits to be confirmed
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def label(self) -> str:
        return statuses.label(self.value)


AT_WORK = (ImportStatus.CHECKING, ImportStatus.QUEUED, ImportStatus.RUNNING, ImportStatus.UNDOING)
OVER = (ImportStatus.FINISHED, ImportStatus.CANCELLED, ImportStatus.FAILED, ImportStatus.UNDONE)
UNDO_FOR = timedelta(days=30)
COUNTS = ("rows", "new", "changed", "unchanged", "refused", "left_out")


class Import(Model):
    """A file being imported into a list. `rows` and `byte_position`: where to continue.

    The counts are those of the dry run until the import is confirmed, and begin anew then.
    """

    __tablename__ = "import"

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(sa.ForeignKey("list.id", ondelete="CASCADE"))
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    file_name: Mapped[str] = mapped_column(sa.String(255))
    path: Mapped[str] = mapped_column(sa.String(500))
    place: Mapped[str | None] = mapped_column(sa.String(16))  # id of the data folder with the file
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str | None] = mapped_column(sa.String(64))  # of the file as uploaded
    encoding: Mapped[str] = mapped_column(sa.String(32), default="utf-8")
    delimiter: Mapped[str] = mapped_column(sa.String(1), default=",")
    columns: Mapped[Texts] = mapped_column(default=list)
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[ImportStatus] = mapped_column(Word(ImportStatus))
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    rows_total: Mapped[int | None]
    byte_position: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    rows: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[int] = mapped_column(default=0)
    sample: Mapped[dict[str, Any]] = mapped_column(default=dict)  # people whom it would change, until it runs
    undone: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the undo has done, by outcome
    error: Mapped[str | None] = mapped_column(sa.String(500))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    undo_until: Mapped[datetime | None]  # when the states of before are removed; None if there are none
    dismissed_at: Mapped[datetime | None]  # when an operator dismissed its rejected rows on the start page

    list: Mapped[List] = relationship()

    @property
    def is_finished(self) -> bool:
        return self.status is ImportStatus.FINISHED

    @property
    def has_failed(self) -> bool:
        return self.status is ImportStatus.FAILED

    @property
    def is_over(self) -> bool:
        """Whether it has come to an end, of whatever kind."""
        return self.status in OVER

    @property
    def is_checked(self) -> bool:
        """Whether its dry run is over, and it waits to be confirmed."""
        return self.status is ImportStatus.CHECKED

    @property
    def is_paused(self) -> bool:
        return self.status is ImportStatus.PAUSED

    @property
    def is_dry_run(self) -> bool:
        """Whether it is being checked, which changes nothing."""
        return self.status is ImportStatus.CHECKING

    @property
    def is_undoing(self) -> bool:
        return self.status is ImportStatus.UNDOING

    @property
    def is_undone(self) -> bool:
        return self.status is ImportStatus.UNDONE

    @property
    def can_pause(self) -> bool:
        return self.status in (ImportStatus.QUEUED, ImportStatus.RUNNING)

    @property
    def can_cancel(self) -> bool:
        return self.can_pause or self.is_paused or self.is_dry_run

    @property
    def is_at_work(self) -> bool:
        """Whether a worker has to do something for it."""
        return self.status in AT_WORK

    @property
    def rows_wanted(self) -> int:
        """Rows that do something, or would."""
        return self.new + self.changed

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows, and of them by what they did."""
        return {name: getattr(self, name) for name in COUNTS}

    @property
    def rows_expected(self) -> int:
        """About how many rows the file has; 0 while nobody knows."""
        return self.rows_total or 0

    @property
    def rows_refused(self) -> int:
        """Rows from which nobody came onto the list."""
        return self.left_out + self.refused

    @property
    def percent_read(self) -> int:
        """How much of the file has been read."""
        return 100 * self.byte_position // (self.size_bytes or 1)


class ImportReject(Model):
    """A row of the file from which nobody came, with its line and the reason as a code."""

    __tablename__ = "import_reject"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("import.id", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    value: Mapped[str] = mapped_column(sa.String(320), default="")
    reason: Mapped[str] = mapped_column(sa.String(64))
    is_skip: Mapped[bool] = mapped_column(default=False)  # left out on purpose (suppressed), not invalid
    row: Mapped[Texts] = mapped_column(default=list)


class ImportChange(Model):
    """What an import changed about one person, for its undo.

    `before`: None for a person whom it created; else `fields` ({key: [before, after]}, None for nothing), and if the
    subscription changed, `subscription` (its row before, None if there was none) and the status that it `became`.

    Without foreign keys, which would cost as much as the row: `audience.imports.changes` removes rows together with
    the person or the import.
    """

    __tablename__ = "import_change"

    import_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)

    __table_args__ = ({"sqlite_with_rowid": False},)
