"""Rejected rows as a CSV file, streamed."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.audience.imports import queries
from campaigns.audience.imports.files.columns import REJECTED
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.imports.models import Import
from campaigns.audit import services as audit_services
from campaigns.core.csvfile import guarded
from campaigns.core.db import db

CHUNK_ROWS = 1000
ADDED = REJECTED  # headings


def record(owner: Import) -> None:
    """Record on the audit log that the rejected rows of an import are exported."""
    audit_services.record("import.exported", owner.file_name, rows=owner.rows_refused)


def rows(import_id: int) -> Iterator[list[str]]:
    """Headings and rejected rows of an import as they were, so that they can be mended and imported again; line and
    reason come last, in columns that an import skips.
    """
    owner = queries.import_(import_id)
    width = len(owner.columns)
    yield [*map(guarded, owner.columns), *ADDED]
    for reject in db.session.scalars(queries.rejects(import_id).execution_options(yield_per=CHUNK_ROWS)):
        cells = [*reject.row[:width], *([""] * (width - len(reject.row)))]
        if width <= len(reject.row) - 1:  # a row with too many cells: the rest, to be seen
            cells[-1] = ", ".join(reject.row[width - 1 :])
        yield [*map(guarded, cells), str(reject.line), str(RowReason(reject.reason).label)]
