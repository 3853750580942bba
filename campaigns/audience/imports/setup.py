"""An import before it runs: the file is stored, its columns are shown and chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import BinaryIO

import sqlalchemy as sa

from campaigns.audience import fields, queries, values
from campaigns.audience.imports.files import columns, uploads
from campaigns.audience.imports.files.uploads import Look
from campaigns.audience.imports.models import COUNTS, UNDO_FOR, Import, ImportReject, ImportStatus
from campaigns.audience.models import Field, FieldKind, List
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, Invalid
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
    is_dry_run: bool = False,
) -> Import:
    """Create an import of a file into a list. With `waits_for_columns` the operator chooses the columns on a page;
    otherwise the mapping (a target per column: `email`, a field's key, `new`, `ignore`), or a guess, applies and
    it is ready for `runner.run`, which with `is_dry_run` changes nothing. Raises Invalid for a file that cannot be
    read or has no addresses.
    """
    kept = source if isinstance(source, Kept) else keep(source)
    try:
        _check_open(list_)
        made = _insert(kept, file_name, list_, now, operator_id)
        if not waits_for_columns:
            choose_columns(made, mapping or guess(made), attested=attested, now=now)
            if not is_dry_run:
                start(made, now=now)
    except DomainError:
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
    raw = uploads.raw_of(Path(waiting.path))
    upload = uploads.as_utf8(raw, encoding, sha256=waiting.sha256 or "")
    seen = uploads.look(upload.path, delimiter=delimiter, has_header=has_header)
    waiting.path, waiting.size_bytes, waiting.encoding = str(upload.path), upload.size_bytes, encoding
    _describe(waiting, seen, lines=uploads.rows_in(upload.path))


def choose_columns(waiting: Import, targets: Sequence[str], *, attested: bool, now: datetime) -> None:
    """Set the columns' targets and queue the dry run, which changes nothing. Raises Invalid, Conflict."""
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
    resolved, made = _resolve(waiting, targets)
    waiting.mapping = {
        **waiting.mapping,
        "chosen": list(targets),
        "targets": resolved,
        "new": [[each.key, each.label, each.kind.value] for each in made],
        "attested": attested,
    }
    _begin_anew(waiting)
    waiting.status, waiting.lease_until = ImportStatus.CHECKING, now + HINT_GRACE
    db.session.flush()
    audit_services.record(
        "import.checked", waiting.file_name, list=queries.list_(waiting.list_id).name, now=now
    )


def planned_fields(waiting: Import) -> list[Field]:
    """The fields that the import creates when it is confirmed, not stored."""
    return [
        Field(key=key, label=label, kind=FieldKind(kind))
        for key, label, kind in waiting.mapping.get("new", [])
    ]


def start(waiting: Import, *, now: datetime) -> None:
    """Create new fields and queue the import itself. Raises Conflict when it can't start, Invalid when a field is
    gone that a column is matched to.
    """
    list_ = queries.list_(waiting.list_id)
    db.session.execute(sa.select(List.id).filter_by(id=list_.id).with_for_update())
    if _status_of(waiting) not in (ImportStatus.CHECKED, ImportStatus.CHECKING):
        raise Conflict(_("This import has already started."))
    if waiting.sha256 and _is_at_work(waiting):
        raise Conflict(
            _("The same file is being imported into this list already. Wait until that has finished.")
        )
    resolved, made = _resolve(waiting, waiting.mapping["chosen"])
    for each in made:
        fields.create_field(each.label, kind=each.kind, key=each.key)
    waiting.mapping = {**waiting.mapping, "targets": resolved, "new": []}
    _begin_anew(waiting)
    waiting.status, waiting.lease_until = ImportStatus.QUEUED, now + HINT_GRACE
    waiting.undo_until = now + UNDO_FOR
    db.session.flush()
    audit_services.record(
        "import.started",
        waiting.file_name,
        list=list_.name,
        agreed=bool(waiting.mapping["attested"]),
        sha256=waiting.sha256 or "",
        now=now,
    )


def _begin_anew(waiting: Import) -> None:
    """The counts and rejected rows of a dry run are gone when the next one, or the import, begins."""
    db.session.execute(sa.delete(ImportReject).where(ImportReject.import_id == waiting.id))
    for name in COUNTS:
        setattr(waiting, name, 0)
    waiting.sample, waiting.started_at = {}, None
    waiting.byte_position = waiting.mapping["start"]


def _is_at_work(waiting: Import) -> bool:
    others = sa.select(Import.id).where(
        Import.sha256 == waiting.sha256,
        Import.list_id == waiting.list_id,
        Import.id != waiting.id,
        Import.status.in_((ImportStatus.QUEUED, ImportStatus.RUNNING, ImportStatus.PAUSED)),
    )
    return db.session.scalar(others.limit(1)) is not None


def _status_of(waiting: Import) -> ImportStatus | None:
    """The status as it is stored: of two tabs, one starts the import."""
    return db.session.scalar(sa.select(Import.status).filter_by(id=waiting.id))


def _check_open(list_: List) -> None:
    if list_.is_archived:
        raise Invalid(_("%(list)s is archived. Restore it first.", list=list_.name), field="list_id")


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
        sha256=kept.upload.sha256,
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
    if _status_of(waiting) is not ImportStatus.UPLOADED:
        raise Conflict(_("This import has already started."))


def _resolve(waiting: Import, targets: Sequence[str]) -> tuple[list[str], list[Field]]:
    """The targets with a key for each new field, and those fields, which are not stored."""
    known = {each.key: each for each in queries.fields()}
    chosen = [target for target in targets if target not in (*columns.KIND_OF_NEW, columns.IGNORE)]
    twice = next((target for target in chosen if chosen.count(target) > 1), None)
    if twice:
        raise Invalid(_("Two columns are matched to %(field)s.", field=twice.lstrip(":")), field="columns")
    resolved: list[str] = []
    made: list[Field] = []
    for heading, target in zip(waiting.columns, targets, strict=True):
        kind = columns.KIND_OF_NEW.get(target)
        is_special = target in (columns.EMAIL, columns.IGNORE, *columns.STANDINGS)
        if kind is None and not is_special and target not in known:
            raise Invalid(_("There is no field named %(field)s.", field=target), field="columns")
        if kind:
            made.append(_new_field(heading, kind, known))
        resolved.append(made[-1].key if kind else target)
    if len(known) > fields.MOST_FIELDS:
        raise Invalid(_("There are 100 fields already. Delete one first."), field="columns")
    return resolved, made


def _new_field(heading: str, kind: FieldKind, known: dict[str, Field]) -> Field:
    labels = {each.label.lower() for each in known.values()}
    label, number = heading, 2
    while label.lower() in labels:
        label, number = f"{heading[:95]} {number}", number + 1
    made = Field(key=values.key_for(heading, taken=known), label=label, kind=kind)
    known[made.key] = made
    return made
