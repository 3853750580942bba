"""An import before it runs: the file is stored, its columns are shown and chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import BinaryIO

import sqlalchemy as sa

from campaigns.audience import fields, queries, values
from campaigns.audience.imports import columns, uploads
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.imports.uploads import Look
from campaigns.audience.models import Field, FieldKind, List
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _

# A queued import is left to the worker that was notified for this long before others are.
HINT_GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored file: its columns, and approximately how many lines it has."""

    upload: uploads.Upload
    seen: Look
    lines: int


def keep(source: BinaryIO | Path) -> Kept:
    """Store a CSV file and examine it, outside a transaction, because a large one takes time. Raises Invalid
    for a file that cannot be read.
    """
    upload = uploads.keep(source)
    try:
        return Kept(upload, uploads.look(upload.path), uploads.rows_in(upload.path))
    except Invalid:
        uploads.forget(upload.path)
        raise


def create_import(
    source: BinaryIO | Path | Kept,
    *,
    file_name: str,
    list_: List,
    now: datetime,
    operator_id: int | None = None,
    mapping: Sequence[str] | None = None,
    attested: bool = True,
    waits_for_columns: bool = False,
) -> Import:
    """Create an import of a CSV file into a list. With `waits_for_columns` the operator chooses the columns
    on a page; otherwise the mapping (a target per column: `email`, a field's key, `new`, `ignore`), or a
    guess, applies and it is ready for `runner.run`. Raises Invalid for a file that cannot be read or has no
    addresses.
    """
    kept = source if isinstance(source, Kept) else keep(source)
    try:
        made = _insert(kept, file_name, list_, now, operator_id)
        if not waits_for_columns:
            choose_columns(made, mapping or guess(made), attested=attested, now=now)
    except Invalid:
        uploads.forget(kept.upload.path)
        raise
    return made


def guess(waiting: Import, *, with_kinds: bool = False) -> list[str]:
    """A target for each column, by heading and content; see `columns.guess`."""
    return columns.guess(waiting.columns, look(waiting).samples, queries.fields(), with_kinds=with_kinds)


def look(waiting: Import) -> Look:
    """The file's columns and samples; raises Conflict when the file was deleted."""
    path = Path(waiting.path)
    if not path.exists():
        raise Conflict(_("The file is no longer available. Upload it again."))
    return uploads.look(path, delimiter=waiting.delimiter, has_header=waiting.mapping.get("has_header"))


def choose_format(waiting: Import, *, encoding: str, delimiter: str, has_header: bool) -> None:
    """Read the file in another format; raises Invalid when it cannot be read like that."""
    _still_waits(waiting)
    if encoding not in uploads.ENCODINGS or len(delimiter) != 1:
        raise Invalid(_("Choose one of the options."), field="encoding")
    upload = uploads.as_utf8(uploads.raw_of(Path(waiting.path)), encoding)
    seen = uploads.look(upload.path, delimiter=delimiter, has_header=has_header)
    waiting.path, waiting.size_bytes, waiting.encoding = str(upload.path), upload.size_bytes, encoding
    _describe(waiting, seen, lines=uploads.rows_in(upload.path))


def choose_columns(waiting: Import, targets: Sequence[str], *, attested: bool, now: datetime) -> None:
    """Set the columns' targets, create new fields and queue the import. Raises Invalid, Conflict."""
    _still_waits(waiting)
    if len(targets) != len(waiting.columns):
        raise Invalid(_("Choose what each column contains."), field="columns")
    if targets.count(columns.EMAIL) != 1:
        raise Invalid(
            _("No column is matched to the email address. Choose one.")
            if columns.EMAIL not in targets
            else _("Only one column can be the email address."),
            field="columns",
        )
    waiting.mapping = {**waiting.mapping, "targets": _with_fields(waiting, targets), "attested": attested}
    waiting.byte_position = waiting.mapping["start"]
    waiting.status, waiting.lease_until = ImportStatus.QUEUED, now + HINT_GRACE
    db.session.flush()
    audit_services.record(
        "import.started", waiting.file_name, list=queries.list_(waiting.list_id).name, now=now
    )


def delete_import(gone: Import) -> None:
    """Delete an import and its file; the people stay. Raises Conflict while it runs."""
    if gone.status in (ImportStatus.QUEUED, ImportStatus.RUNNING):
        raise Conflict(_("This import is running. Wait until it has finished."))
    audit_services.record("import.deleted", gone.file_name)
    uploads.forget(Path(gone.path))
    db.session.delete(gone)
    db.session.flush()


def _insert(
    kept: Kept,
    file_name: str,
    list_: List,
    now: datetime,
    operator_id: int | None,
) -> Import:
    made = Import(
        list_id=list_.id,
        operator_id=operator_id,
        file_name=PurePath(file_name.replace("\\", "/")).name[:255] or "people.csv",
        path=str(kept.upload.path),
        place=uploads.place(),
        size_bytes=kept.upload.size_bytes,
        encoding=kept.upload.encoding,
        status=ImportStatus.UPLOADED,
        created_at=now,
    )
    _describe(made, kept.seen, lines=kept.lines)
    db.session.add(made)
    db.session.flush()
    return made


def _describe(waiting: Import, seen: Look, *, lines: int) -> None:
    waiting.delimiter, waiting.columns = seen.delimiter, seen.columns
    waiting.mapping = {"has_header": seen.has_header, "start": seen.position, "line": seen.line}
    waiting.rows_total = max(0, lines - seen.line + 1)


def _still_waits(waiting: Import) -> None:
    """Raises Conflict if it was started meanwhile: of two tabs, one starts it."""
    status = db.session.scalar(sa.select(Import.status).filter_by(id=waiting.id))
    if status is not ImportStatus.UPLOADED:
        raise Conflict(_("This import has already started."))


def _with_fields(waiting: Import, targets: Sequence[str]) -> list[str]:
    """The targets with a key for each new field."""
    known = {each.key: each for each in queries.fields()}
    chosen = [target for target in targets if target not in (*columns.KIND_OF_NEW, columns.IGNORE)]
    twice = next((target for target in chosen if chosen.count(target) > 1), None)
    if twice:
        raise Invalid(_("Two columns are matched to %(field)s.", field=twice), field="columns")
    resolved = []
    for heading, target in zip(waiting.columns, targets, strict=True):
        kind = columns.KIND_OF_NEW.get(target)
        if kind is None and target not in (columns.EMAIL, columns.IGNORE) and target not in known:
            raise Invalid(_("There is no field named %(field)s.", field=target), field="columns")
        resolved.append(_new_field(heading, kind, known).key if kind else target)
    return resolved


def _new_field(heading: str, kind: FieldKind, known: dict[str, Field]) -> Field:
    labels = {each.label.lower() for each in known.values()}
    label, number = heading, 2
    while label.lower() in labels:
        label, number = f"{heading[:95]} {number}", number + 1
    made = fields.create_field(label, kind=kind, key=values.key_for(heading, taken=known))
    known[made.key] = made
    return made
