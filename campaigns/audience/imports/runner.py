"""Runs an import or its dry run: a slice of the file at a time, each committed with its position.

A worker holds the import by a lease and a fence. If it dies, another continues exactly after its last commit;
if it was only slow, it finds its fence outdated and stops without writing anything more. The same ends the work of
one that was paused or cancelled.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from campaigns.accounts.models import Operator
from campaigns.audience import queries as audience_queries
from campaigns.audience.imports import queries, setup
from campaigns.audience.imports.batch import Batch, keep_rejects
from campaigns.audience.imports.files import uploads
from campaigns.audience.imports.files.rows import RowReader
from campaigns.audience.imports.files.slices import Slice, Slices
from campaigns.audience.imports.models import COUNTS, UNDO_FOR, Import, ImportStatus
from campaigns.audience.imports.plan import Planner, with_sample
from campaigns.audit import services as audit_services
from campaigns.core import clock, disk
from campaigns.core.acting import Actor
from campaigns.core.db import db, reading
from campaigns.core.dialect import is_sqlite
from campaigns.settings import queries as settings_queries

BATCH_ROWS = 10_000
LEASE = timedelta(seconds=60)
MOST_TRIES = 5  # for one slice that another transaction interferes with
MOST_CLAIMS = 100  # an import that fails this often would kill every worker
# SQLite lets one connection write; who waits for it asks at most every tenth of a second.
GAP_S = 0.11
Clock = Callable[[], datetime]


def N_(sentence: str) -> str:  # noqa: N802 (the name that the extractor of translations knows)
    """Mark a sentence that is stored in English and translated for display."""
    return sentence


FILE_GONE = N_("The file is no longer available. Upload it again.")
GAVE_UP = N_("The import was interrupted too many times. Upload the file again.")


DISK_FULL = N_("The disk is full. Free up space, then resume the import or upload the file again.")


class FenceLost(Exception):
    """Another worker has taken over the import, or somebody has paused or cancelled it."""


def run(
    import_id: int,
    *,
    on_progress: Callable[[int], None] | None = None,
    until: datetime | None = None,
    now: Clock = clock.now,
) -> bool:
    """Run the import or its dry run to its end, or until `until` (UTC); commits per slice. `on_progress` gets the
    position in bytes. Returns False when more is left: time was up, or another worker holds the import.
    """
    claimed = _claim(import_id, now=now())
    if claimed is None:
        return queries.import_(import_id).status not in (
            ImportStatus.CHECKING,
            ImportStatus.QUEUED,
            ImportStatus.RUNNING,
        )
    if claimed.fence > MOST_CLAIMS:
        return _fail(claimed, GAVE_UP, now=now())
    if not Path(claimed.path).exists():
        return _fail(claimed, FILE_GONE, now=now())
    try:
        return _stream(claimed, on_progress or _nobody, until, now)
    except FenceLost:
        db.session.rollback()
        return False
    except (OSError, sqlite3.Error, DBAPIError) as error:
        db.session.rollback()
        if disk.is_full(error):
            return _stop(import_id, claimed.fence, now=now())
        if _is_held(import_id, claimed.fence):
            raise
        return False  # cancelled, or ended by another worker: the file is gone


def is_here(import_id: int) -> bool:
    """Whether the import's file is, or was, on this host: other hosts leave it to workers on this one."""
    found = queries.import_(import_id).place
    return found is None or found == uploads.place()


def _stream(claimed: Import, on_progress: Callable[[int], None], until: datetime | None, now: Clock) -> bool:
    import_id, fence, path = claimed.id, claimed.fence, Path(claimed.path)
    fields = [*audience_queries.fields(), *setup.planned_fields(claimed)]
    reader = RowReader(claimed.columns, claimed.mapping["targets"], fields, settings_queries.link_key())
    work = _DryRun(claimed) if claimed.status is ImportStatus.CHECKING else _Run(claimed)
    start, delimiter = claimed.byte_position, claimed.delimiter
    db.session.commit()  # no transaction stays open while the file is read
    with Slices(path, reader, delimiter=delimiter, start=start, most=BATCH_ROWS) as slices:
        for part in slices:
            work.write(part, import_id, fence, now)
            on_progress(part.end)
            if until is not None and now() >= until:
                _end(import_id, fence, lease_until=None)  # another worker may go on at once
                return False
            if is_sqlite():
                time.sleep(GAP_S)
    work.finish(import_id, fence, now=now())
    return True


class _Run:
    """The import itself."""

    def __init__(self, claimed: Import) -> None:
        self._batch = Batch(claimed)
        self._path = Path(claimed.path)

    def write(self, part: Slice, import_id: int, fence: int, now: Clock) -> None:
        """Write one slice and the position after it, in one transaction."""
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                if _position(import_id, fence) == part.end:
                    db.session.rollback()
                    return  # a commit whose answer was lost
                counts = self._batch.write(part, now=now())
                _advance(import_id, fence, counts, position=part.end, until=now() + LEASE)
                db.session.commit()
            except (IntegrityError, OperationalError) as error:  # created by others; a deadlock: retry
                db.session.rollback()
                if not tries_left or disk.is_full(error):
                    raise
            else:
                return

    def finish(self, import_id: int, fence: int, *, now: datetime) -> None:
        _move(
            import_id,
            fence,
            status=ImportStatus.FINISHED,
            finished_at=now,
            undo_until=now + UNDO_FOR,
            lease_until=None,
            rows_total=Import.rows,
            byte_position=Import.size_bytes,
        )
        done = db.session.get_one(Import, import_id, populate_existing=True)
        audit_services.record(
            "people.imported", done.file_name, by=by(done), list=done.list.name, now=now, **done.counts
        )
        db.session.commit()
        uploads.forget(self._path)


class _DryRun:
    """Only says what would change; the people stay as they are."""

    def __init__(self, claimed: Import) -> None:
        self._planner = Planner(claimed)

    def write(self, part: Slice, import_id: int, fence: int, now: Clock) -> None:
        """Count one slice and keep its rejected rows. Nobody's row is locked."""
        db.session.rollback()
        with reading():
            plan = self._planner.plan(part)
            db.session.rollback()
        if _position(import_id, fence) == part.end:
            db.session.rollback()
            return
        keep_rejects(import_id, plan.rejects)
        known = db.session.scalar(sa.select(Import.sample).filter_by(id=import_id)) or {}
        _advance(
            import_id,
            fence,
            plan.counts,
            position=part.end,
            until=now() + LEASE,
            sample=with_sample(known, plan),
        )
        db.session.commit()

    def finish(self, import_id: int, fence: int, *, now: datetime) -> None:
        _end(
            import_id,
            fence,
            status=ImportStatus.CHECKED,
            lease_until=None,
            rows_total=Import.rows,
            byte_position=Import.size_bytes,
        )


def _is_held(import_id: int, fence: int) -> bool:
    held = sa.select(Import.id).where(Import.id == import_id, Import.fence == fence)
    return db.session.scalar(held) is not None


def _position(import_id: int, fence: int) -> int:
    """The committed position; raises FenceLost when another worker has the import. Locks the row."""
    row = db.session.execute(
        sa.select(Import.byte_position)
        .where(
            Import.id == import_id,
            Import.fence == fence,
            Import.status.in_((ImportStatus.CHECKING, ImportStatus.RUNNING)),
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise FenceLost
    return int(row[0])


def _advance(
    import_id: int, fence: int, counts: dict[str, int], *, position: int, until: datetime, **more: object
) -> None:
    changes = {name: getattr(Import, name) + counts[name] for name in COUNTS}
    db.session.execute(
        sa.update(Import)
        .where(Import.id == import_id, Import.fence == fence)
        .values(byte_position=position, lease_until=until, **changes, **more)
        .execution_options(synchronize_session=False)
    )


def _claim(import_id: int, *, now: datetime) -> Import | None:
    """Claim the import if it is ready and no worker holds it; each claim has a higher fence."""
    is_held = Import.lease_until >= now
    is_free = (
        (Import.status == ImportStatus.QUEUED)
        | ((Import.status == ImportStatus.CHECKING) & Import.started_at.is_(None))
        | (
            Import.status.in_((ImportStatus.CHECKING, ImportStatus.RUNNING))
            & sa.not_(sa.func.coalesce(is_held, sa.false()))
        )
    )
    status = sa.case(
        (Import.status == ImportStatus.CHECKING, ImportStatus.CHECKING.value),
        else_=ImportStatus.RUNNING.value,
    )
    db.session.rollback()  # start afresh: what was read before may be outdated
    won = db.session.execute(
        sa.update(Import)
        .where(Import.id == import_id, is_free)
        .values(
            status=status,
            fence=Import.fence + 1,
            lease_until=now + LEASE,
            started_at=sa.func.coalesce(Import.started_at, now),
        )
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    if won.rowcount != 1:  # type: ignore[attr-defined]
        return None
    return db.session.get(Import, import_id, populate_existing=True)


def _fail(claimed: Import, sentence: str, *, now: datetime) -> bool:
    path = Path(claimed.path)
    _end(
        claimed.id,
        claimed.fence,
        status=ImportStatus.FAILED,
        error=sentence,
        finished_at=now,
        lease_until=None,
    )
    uploads.forget(path)
    return True


def _stop(import_id: int, fence: int, *, now: datetime) -> bool:
    """The disk is full: an import waits until somebody resumes it, a dry run ends."""
    try:
        stopped = db.session.get_one(Import, import_id, populate_existing=True)
        if stopped.status is ImportStatus.CHECKING:
            return _fail(stopped, DISK_FULL, now=now)
        _end(import_id, fence, status=ImportStatus.PAUSED, error=DISK_FULL, lease_until=None)
    except FenceLost:
        db.session.rollback()
    return True


def by(done: Import) -> Actor | None:
    """The operator who started it; None for a command, which runs it to the end itself."""
    who = db.session.get(Operator, done.operator_id) if done.operator_id else None
    return Actor(who.email, who.id) if who else None


def _end(import_id: int, fence: int, **values: object) -> None:
    _move(import_id, fence, **values)
    db.session.commit()


def _move(import_id: int, fence: int, **values: object) -> None:
    moved = db.session.execute(
        sa.update(Import)
        .where(
            Import.id == import_id,
            Import.fence == fence,
            Import.status.in_((ImportStatus.CHECKING, ImportStatus.RUNNING)),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise FenceLost


def _nobody(_position: int) -> None:
    """Ignores progress."""
