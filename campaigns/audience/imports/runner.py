"""Runs an import: streams the file, a thousand rows at a time, each thousand committed with its position.

A worker holds the import by a lease and a fence. If it dies, another continues exactly after its last commit;
if it was only slow, it finds its fence outdated and stops without writing anything more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from campaigns.accounts.models import Operator
from campaigns.audience import queries as audience_queries
from campaigns.audience.imports import queries, uploads
from campaigns.audience.imports.batch import Batch, Contended
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.imports.rows import RowReader, Taken
from campaigns.audit import services as audit_services
from campaigns.core import clock
from campaigns.core.acting import Actor
from campaigns.core.csvfile import Records
from campaigns.core.db import db
from campaigns.settings import queries as settings_queries

BATCH_ROWS = 1000
LEASE = timedelta(seconds=60)
MOST_TRIES = 5  # for one batch that another transaction interferes with
MOST_CLAIMS = 100  # an import that fails this often would kill every worker
Clock = Callable[[], datetime]


def N_(sentence: str) -> str:  # noqa: N802 (the name that the extractor of translations knows)
    """Mark a sentence that is stored in English and translated for display."""
    return sentence


FILE_GONE = N_("The file is no longer available. Upload it again.")
GAVE_UP = N_("The import was interrupted too many times. Upload the file again.")


class _FenceLost(Exception):
    """Another worker has taken over the import."""


def run(
    import_id: int,
    *,
    on_progress: Callable[[int], None] | None = None,
    until: datetime | None = None,
    now: Clock = clock.now,
) -> bool:
    """Run the import to its end, or until `until` (UTC); commits per batch. `on_progress` gets the position
    in bytes. Returns False when more is left: time was up, or another worker holds the import.
    """
    claimed = _claim(import_id, now=now())
    if claimed is None:
        return queries.import_(import_id).status in (ImportStatus.FINISHED, ImportStatus.FAILED)
    if claimed.fence > MOST_CLAIMS:
        return _fail(claimed, GAVE_UP, now=now())
    if not Path(claimed.path).exists():
        return _fail(claimed, FILE_GONE, now=now())
    try:
        return _stream(claimed, on_progress or _nobody, until, now)
    except _FenceLost:
        db.session.rollback()
        return False


def is_here(import_id: int) -> bool:
    """Whether the import's file is, or was, on this host: other hosts leave it to workers on this one."""
    found = queries.import_(import_id).place
    return found is None or found == uploads.place()


def _stream(claimed: Import, on_progress: Callable[[int], None], until: datetime | None, now: Clock) -> bool:
    import_id, fence, path = claimed.id, claimed.fence, Path(claimed.path)
    reader = RowReader(
        claimed.columns, claimed.mapping["targets"], audience_queries.fields(), settings_queries.link_key()
    )
    batch = Batch(claimed)
    start, delimiter = claimed.byte_position, claimed.delimiter
    line = _line_at(path, start)
    db.session.commit()  # no transaction stays open while the file is read
    with path.open("rb") as file:
        rows = reader.rows(Records(file, delimiter=delimiter, position=start, line=line))
        while taken := list(islice(rows, BATCH_ROWS)):
            _write(batch, import_id, fence, taken, now)
            on_progress(taken[-1].end)
            if until is not None and now() >= until:
                _release(import_id, fence)
                return False
    _finish(import_id, fence, now=now())
    uploads.forget(path)
    return True


def _write(batch: Batch, import_id: int, fence: int, taken: list[Taken], now: Clock) -> None:
    """Write one batch and the position after it, in one transaction."""
    for tries_left in reversed(range(MOST_TRIES)):
        try:
            if _position(import_id, fence) == taken[-1].end:
                db.session.rollback()
                return  # a commit whose answer was lost
            counts = batch.write(taken, now=now())
            _advance(import_id, fence, counts, position=taken[-1].end, until=now() + LEASE)
            db.session.commit()
        except (Contended, OperationalError):  # such as a deadlock: retry
            db.session.rollback()
            if not tries_left:
                raise
        else:
            return


def _position(import_id: int, fence: int) -> int:
    """The committed position; raises _FenceLost when another worker has the import. Locks the row."""
    row = db.session.execute(
        sa.select(Import.byte_position)
        .where(Import.id == import_id, Import.fence == fence, Import.status == ImportStatus.RUNNING)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise _FenceLost
    return int(row[0])


def _advance(import_id: int, fence: int, counts: dict[str, int], *, position: int, until: datetime) -> None:
    changes = {name: getattr(Import, name) + number for name, number in counts.items()}
    db.session.execute(
        sa.update(Import)
        .where(Import.id == import_id, Import.fence == fence)
        .values(byte_position=position, lease_until=until, **changes)
        .execution_options(synchronize_session=False)
    )


def _claim(import_id: int, *, now: datetime) -> Import | None:
    """Claim the import if it is ready and no worker holds it; each claim has a higher fence."""
    is_free = (Import.status == ImportStatus.QUEUED) | (
        (Import.status == ImportStatus.RUNNING) & ((Import.lease_until < now) | Import.lease_until.is_(None))
    )
    db.session.rollback()  # start afresh: what was read before may be outdated
    won = db.session.execute(
        sa.update(Import)
        .where(Import.id == import_id, is_free)
        .values(
            status=ImportStatus.RUNNING,
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


def _release(import_id: int, fence: int) -> None:
    """Let another worker go on at once."""
    _end(import_id, fence, lease_until=None)


def _finish(import_id: int, fence: int, *, now: datetime) -> None:
    _move(
        import_id,
        fence,
        status=ImportStatus.FINISHED,
        finished_at=now,
        lease_until=None,
        rows_total=Import.rows_done,
        byte_position=Import.size_bytes,
    )
    done = db.session.get_one(Import, import_id, populate_existing=True)
    counts = {name: getattr(done, name) for name in ("created", "updated", "skipped", "rejected")}
    audit_services.record(
        "people.imported", done.file_name, by=_by(done), list=done.list.name, now=now, **counts
    )
    db.session.commit()


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


def _by(done: Import) -> Actor | None:
    """The operator who started it; None for a command, which runs it to the end itself."""
    who = db.session.get(Operator, done.operator_id) if done.operator_id else None
    return Actor(who.email, who.id) if who else None


def _end(import_id: int, fence: int, **values: object) -> None:
    _move(import_id, fence, **values)
    db.session.commit()


def _move(import_id: int, fence: int, **values: object) -> None:
    moved = db.session.execute(
        sa.update(Import)
        .where(Import.id == import_id, Import.fence == fence)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise _FenceLost


def _line_at(path: Path, position: int) -> int:
    """The number of the line that starts at a position."""
    with path.open("rb") as file:
        return 1 + sum(chunk.count(b"\n") for chunk in _chunks(file, position))


def _chunks(file: object, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(length, 1 << 20))):  # type: ignore[attr-defined]
        length -= len(chunk)
        yield chunk


def _nobody(_position: int) -> None:
    """Ignores progress."""
