"""Named reads of imports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.imports.models import AT_WORK, Import, ImportReject
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _


def imports(list_id: int | None = None) -> sa.Select[Import]:
    """Imports, latest first."""
    statement = sa.select(Import).options(sa.orm.joinedload(Import.list))
    if list_id is not None:
        statement = statement.filter_by(list_id=list_id)
    return statement.order_by(Import.id.desc())


def import_(import_id: int) -> Import:
    """That import; raises NotFound."""
    found = db.session.get(Import, import_id)
    if found is None:
        raise NotFound(_("Import not found."))
    return found


def rejects(import_id: int, *, is_skip: bool | None = None) -> sa.Select[ImportReject]:
    """Rejected rows, by line; `is_skip`: only those left out on purpose (True) or invalid ones (False)."""
    statement = sa.select(ImportReject).filter_by(import_id=import_id).order_by(ImportReject.line)
    return statement if is_skip is None else statement.filter_by(is_skip=is_skip)


def reject_reasons(import_id: int) -> Sequence[sa.Row[str, int]]:
    """Number of rejected rows by reason, most frequent first."""
    number = sa.func.count()
    return db.session.execute(
        sa.select(ImportReject.reason, number)
        .filter_by(import_id=import_id)
        .group_by(ImportReject.reason)
        .order_by(number.desc())
    ).all()


def waiting_imports(*, now: datetime) -> list[int]:
    """Ids of imports that no worker holds: their job was lost or their worker died."""
    return list(
        db.session.scalars(
            sa.select(Import.id)
            .where(Import.status.in_(AT_WORK))
            .where(Import.lease_until.is_(None) | (Import.lease_until < now))
            .order_by(Import.id)
        )
    )
