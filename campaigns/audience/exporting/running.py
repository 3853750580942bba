"""Writes an export to its file, a thousand people at a time.

A worker holds the export by a lease and a fence. If it dies, another begins again with a new file: nobody knows how
much of the old one reached the disk, and a slow worker may still be writing to it.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from campaigns.audience import exporter
from campaigns.audience.exporting import queries, services
from campaigns.audience.exporting.columns import chosen
from campaigns.audience.exporting.models import Export, ExportStatus
from campaigns.audience.imports.files import uploads
from campaigns.core import clock
from campaigns.core.db import changed_by, db
from campaigns.core.errors import DomainError
from campaigns.core.files import OTHERS

LEASE = timedelta(seconds=60)
MOST_CLAIMS = 100
FULL = (errno.ENOSPC, errno.EDQUOT)
Clock = Callable[[], datetime]


def N_(sentence: str) -> str:  # noqa: N802 (the name that the extractor of translations knows)
    """Mark a sentence that is stored in English and translated for display."""
    return sentence


DISK_FULL = N_("The disk is full. Free some space, then export again.")
NOT_WRITTEN = N_(
    "The file could not be written. Check the permissions of the data folder, then export again."
)
GAVE_UP = N_("The export was interrupted too many times. Export again.")
NOT_POSSIBLE = N_("The list, segment or columns of this export have changed. Export again.")


class _FenceLost(Exception):
    """Another worker has taken over the export."""


def run(export_id: int, *, until: datetime | None = None, now: Clock = clock.now) -> bool:
    """Write the export to its end, or until `until`; False when more is left. Commits per thousand people."""
    claimed = _claim(export_id, now=now())
    if claimed is None:
        return queries.export(export_id).status in (ExportStatus.FINISHED, ExportStatus.FAILED)
    fence, path = claimed.fence, Path(claimed.path)
    if fence > MOST_CLAIMS:
        return _fail(export_id, fence, path, GAVE_UP, now=now())
    try:
        return _write(claimed, until, now)
    except _FenceLost:
        db.session.rollback()
        path.unlink(missing_ok=True)  # this worker's own: who took over has another
        return False
    except OSError as error:
        return _fail(export_id, fence, path, DISK_FULL if error.errno in FULL else NOT_WRITTEN, now=now())
    except DomainError:
        return _fail(export_id, fence, path, NOT_POSSIBLE, now=now())


def is_here(export_id: int) -> bool:
    """Whether the export belongs into the data folder of this host, from which it is downloaded."""
    return queries.export(export_id).place == uploads.place()


def opened(path: Path, *, size: int) -> BinaryIO:
    """The file, readable only by its owner, at the end of what was committed."""
    if not size:
        path.parent.mkdir(mode=0o777 & ~OTHERS, parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    file = path.open("r+b")
    file.truncate(size)
    file.seek(size)
    return file


def _write(claimed: Export, until: datetime | None, now: Clock) -> bool:
    export_id, fence, last = claimed.id, claimed.fence, claimed.last_id
    wanted = services.search_of(claimed)
    columns = chosen(claimed.columns, of_list=wanted.list_id is not None)
    form = exporter.Form(columns, claimed.format, is_raw=claimed.is_raw)
    path, size = Path(claimed.path), claimed.size_bytes
    db.session.commit()
    with opened(path, size=size) as file:
        if not size:
            file.write(form.beginning().encode())
        while found := exporter.chunk(wanted, after=last, with_tags=form.has_tags):
            last = found[-1].person.id
            file.write(form.lines(found).encode("utf-8", "replace"))
            _reach_disk(file)
            db.session.rollback()
            _advance(export_id, fence, len(found), last=last, size=file.tell(), now=now())
            if until is not None and now() >= until:
                _move(export_id, fence, status=ExportStatus.QUEUED, lease_until=None)
                return False
        _reach_disk(file)
        size = file.tell()
    _move(
        export_id,
        fence,
        status=ExportStatus.FINISHED,
        finished_at=now(),
        lease_until=None,
        size_bytes=size,
        people_total=Export.people_done,
    )
    return True


def _reach_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _claim(export_id: int, *, now: datetime) -> Export | None:
    """Claim the export if no worker holds it. Who takes it over from a worker that died begins again."""
    db.session.rollback()
    found = db.session.get(Export, export_id, populate_existing=True)
    if found is None or not _is_free(found, now=now):
        db.session.rollback()
        return None
    old, fence, status = found.path, found.fence, found.status
    goes_on = status is ExportStatus.QUEUED and found.size_bytes and Path(old).exists()
    name = f"{secrets.token_hex(16)}.{found.format.value}"
    anew = {"path": str(services.folder() / name), "last_id": 0, "people_done": 0, "size_bytes": 0}
    won = changed_by(
        sa.update(Export)
        .where(Export.id == export_id, Export.fence == fence, Export.status == status)
        .values(
            status=ExportStatus.RUNNING,
            fence=fence + 1,
            lease_until=now + LEASE,
            **({} if goes_on else anew),
        )
    )
    db.session.commit()
    if won != 1:
        return None
    if old and not goes_on:
        Path(old).unlink(missing_ok=True)
    return db.session.get(Export, export_id, populate_existing=True)


def _is_free(found: Export, *, now: datetime) -> bool:
    is_held = found.lease_until is not None and found.lease_until >= now
    return found.status is ExportStatus.QUEUED or (found.status is ExportStatus.RUNNING and not is_held)


def _advance(export_id: int, fence: int, people: int, *, last: int, size: int, now: datetime) -> None:
    done = Export.people_done + people
    _move(export_id, fence, people_done=done, last_id=last, size_bytes=size, lease_until=now + LEASE)


def _fail(export_id: int, fence: int, path: Path, sentence: str, *, now: datetime) -> bool:
    path.unlink(missing_ok=True)
    db.session.rollback()
    _move(
        export_id,
        fence,
        status=ExportStatus.FAILED,
        error=sentence,
        finished_at=now,
        lease_until=None,
        path="",
        size_bytes=0,
    )
    return True


def _move(export_id: int, fence: int, **values: object) -> None:
    mine = (Export.id == export_id, Export.fence == fence)
    if changed_by(sa.update(Export).where(*mine).values(**values)) != 1:
        raise _FenceLost
    db.session.commit()
