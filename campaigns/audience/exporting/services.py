"""Exports are started, remembered, put on record and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from campaigns.audience import exporter, search
from campaigns.audience.exporting import queries
from campaigns.audience.exporting.columns import Column
from campaigns.audience.exporting.models import Export, ExportChoice, ExportStatus, Format
from campaigns.audience.imports.files import uploads
from campaigns.audience.search import Search
from campaigns.audit import services as audit_services
from campaigns.core import config
from campaigns.core.db import db

MOST_STREAMED = 20_000  # people; a larger export is written to a file by a worker
KEPT = timedelta(days=7)
# A queued export is left to the worker that was notified for this long before others are.
HINT_GRACE = timedelta(seconds=30)


def remember(operator_id: int, columns: Sequence[Column], format_: Format) -> None:
    """Keep what the operator chose for the next time."""
    names = [each.name for each in columns]
    if (kept := queries.choice(operator_id)) is None:
        db.session.add(ExportChoice(operator_id=operator_id, columns=names, format=format_))
    else:
        kept.columns, kept.format = names, format_
    db.session.flush()


def create_export(
    wanted: Search,
    *,
    name: str,
    columns: Sequence[Column],
    format_: Format,
    is_raw: bool,
    operator_id: int,
    now: datetime,
) -> Export:
    """A new export for a worker; on record from now on."""
    made = Export(
        operator_id=operator_id,
        name=name,
        wanted=_as_json(wanted),
        columns=[each.name for each in columns],
        format=format_,
        is_raw=is_raw,
        status=ExportStatus.QUEUED,
        place=uploads.place(),
        people_total=search.count(wanted),
        lease_until=now + HINT_GRACE,
        created_at=now,
    )
    db.session.add(made)
    db.session.flush()
    exporter.record(wanted)
    return made


def search_of(export: Export) -> Search:
    """The search of an export, on the day on which it was asked for."""
    known = {key: value for key, value in export.wanted.items() if key in Search.__dataclass_fields__}
    return Search(**{**known, "at": export.created_at})


def record_download(export: Export) -> None:
    """Put a download on record."""
    audit_services.record("export.downloaded", export.file_name, people=export.people_done)


def delete_old(*, now: datetime) -> int:
    """Delete exports that have been kept for long enough, and their files; how many."""
    gone = queries.created_before(now - KEPT)
    for each in gone:
        if each.path:
            Path(each.path).unlink(missing_ok=True)
        db.session.delete(each)
    db.session.flush()
    return len(gone)


def sweep(*, now: datetime) -> None:
    """Delete files in this data folder that are older than any export; those of other hosts are theirs to sweep."""
    oldest = (now - KEPT).timestamp()
    for path in folder().glob("*") if folder().exists() else ():
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def folder() -> Path:
    """Where the files are."""
    return config.current().files_dir / "exports"


def _as_json(wanted: Search) -> dict[str, Any]:
    return {key: value for key, value in asdict(wanted).items() if key != "at"}
