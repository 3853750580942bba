"""Rejected rows as a CSV file, streamed."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.audience.imports import queries
from campaigns.audience.imports.models import Import
from campaigns.audience.imports.reasons import RowReason
from campaigns.audit import services as audit_services
from campaigns.core.csvfile import guarded
from campaigns.core.db import db

CHUNK_ROWS = 1000


def record(owner: Import) -> None:
    """Record on the audit log that the rejected rows of an import are exported."""
    audit_services.record("import.exported", owner.file_name, rows=owner.rejected)


def rows(import_id: int) -> Iterator[list[str]]:
    """Headings and rejected rows of an import: line, value, reason in words, then the row."""
    owner = queries.import_(import_id)
    yield ["line", "value", "reason", *map(guarded, owner.columns)]
    for reject in db.session.scalars(queries.rejects(import_id).execution_options(yield_per=CHUNK_ROWS)):
        sentence = str(RowReason(reject.reason).label)
        yield [str(reject.line), guarded(reject.value), sentence, *map(guarded, reject.row)]
