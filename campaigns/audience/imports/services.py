"""What operators do with an import: pause, resume and cancel it, match its columns anew, undo it, delete it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from campaigns.audience.imports import changes
from campaigns.audience.imports.files import uploads
from campaigns.audience.imports.models import UNDO_FOR, Import, ImportStatus
from campaigns.audit import services as audit_services
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _

UNFINISHED = (ImportStatus.QUEUED, ImportStatus.RUNNING, ImportStatus.PAUSED)
UNCONFIRMED = (ImportStatus.UPLOADED, ImportStatus.CHECKING, ImportStatus.CHECKED)


def pause(shown: Import, *, now: datetime) -> None:
    """Stop after the slice that is being written. Raises Conflict when it isn't running."""
    _move(
        shown,
        (ImportStatus.QUEUED, ImportStatus.RUNNING),
        _("This import isn't running."),
        ImportStatus.PAUSED,
    )
    audit_services.record("import.paused", shown.file_name, now=now)


def resume(shown: Import, *, now: datetime) -> None:
    """Go on where it was paused. Raises Conflict when it isn't paused."""
    said = _("This import isn't paused.")
    _move(shown, (ImportStatus.PAUSED,), said, ImportStatus.QUEUED, undo_until=now + UNDO_FOR, error=None)
    audit_services.record("import.resumed", shown.file_name, now=now)


def cancel(shown: Import, *, now: datetime) -> None:
    """End it: who has been imported stays, and can be undone. Raises Conflict when it has ended."""
    ends: dict[str, Any] = {"finished_at": now, "sample": {}}
    from_ = (*UNFINISHED, *UNCONFIRMED)
    _move(shown, from_, _("This import has already ended."), ImportStatus.CANCELLED, **ends)
    uploads.forget(Path(shown.path))
    audit_services.record("import.cancelled", shown.file_name, rows=shown.rows, now=now)


def rematch(shown: Import) -> None:
    """Let the columns be chosen anew after a dry run. Raises Conflict when it was confirmed meanwhile."""
    said = _("This import has already started.")
    _move(shown, (ImportStatus.CHECKING, ImportStatus.CHECKED), said, ImportStatus.UPLOADED, sample={})


def ask_undo(shown: Import, *, now: datetime) -> None:
    """Queue the undo. Raises Conflict when there is nothing to undo, or no longer."""
    if not can_be_undone(shown, now=now):
        raise Conflict(
            _("An import can be undone for 30 days.")
            if shown.undo_until is not None and shown.undo_until <= now
            else _("There is nothing to undo.")
        )
    over = (ImportStatus.FINISHED, ImportStatus.CANCELLED, ImportStatus.FAILED)
    _move(shown, over, _("There is nothing to undo."), ImportStatus.UNDOING, undone={})
    audit_services.record("import.undo_started", shown.file_name, list=shown.list.name, now=now)


def can_be_undone(shown: Import, *, now: datetime) -> bool:
    """Whether it has changed anything of which the state before is still kept."""
    is_over = shown.status in (ImportStatus.FINISHED, ImportStatus.CANCELLED, ImportStatus.FAILED)
    is_kept = shown.undo_until is not None and shown.undo_until > now
    return is_over and is_kept and changes.has_any(shown.id)


def delete_import(gone: Import) -> None:
    """Delete an import and its file; the people stay. Raises Conflict while it runs."""
    if gone.status in (*UNFINISHED, ImportStatus.CHECKING, ImportStatus.UNDOING):
        raise Conflict(_("This import is running. Wait until it has finished."))
    audit_services.record("import.deleted", gone.file_name)
    uploads.forget(Path(gone.path))
    changes.forget_import(gone.id)
    db.session.delete(gone)
    db.session.flush()


def _move(
    shown: Import, from_: tuple[ImportStatus, ...], sentence: object, to: ImportStatus, **values: object
) -> None:
    """A conditional UPDATE: of two at once one succeeds. Whoever works on it finds that its fence is outdated."""
    moved = changed_by(
        sa.update(Import)
        .where(Import.id == shown.id, Import.status.in_(from_))
        .values(status=to, lease_until=None, fence=Import.fence + 1, **values)
    )
    if moved != 1:
        raise Conflict(sentence)
    db.session.refresh(shown)
