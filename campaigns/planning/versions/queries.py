"""Named reads of versions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import Page, paginate
from campaigns.planning.versions.models import DraftVersion, Kind


def version(campaign_id: int, number: int) -> DraftVersion:
    """That version of the campaign; raises NotFound."""
    found = None
    if number <= LARGEST_ID and campaign_id <= LARGEST_ID:
        found = db.session.scalar(
            sa.select(DraftVersion).where(
                DraftVersion.campaign_id == campaign_id, DraftVersion.number == number
            )
        )
    if found is None:
        raise NotFound(_("Version not found. Old versions are thinned out; named ones are kept."))
    return found


def versions(campaign_id: int, *, page: int = 1) -> Page[DraftVersion]:
    """The campaign's versions, newest first, without their contents."""
    return paginate(_of(campaign_id), number=page)


def every_version(campaign_id: int) -> list[DraftVersion]:
    """All that there are, newest first, without their contents; a few hundred at most."""
    return list(db.session.scalars(_of(campaign_id)))


def current(campaign_id: int) -> DraftVersion | None:
    """The version that the draft says now; None before the first change."""
    return db.session.scalar(_of(campaign_id).where(DraftVersion.kind != Kind.CONFLICT).limit(1))


def previous(version: DraftVersion) -> DraftVersion | None:
    """The version before it, of those that the draft has said."""
    return db.session.scalar(
        _of(version.campaign_id)
        .where(DraftVersion.number < version.number, DraftVersion.kind != Kind.CONFLICT)
        .limit(1)
    )


def _of(campaign_id: int) -> sa.Select[DraftVersion]:
    return (
        sa.select(DraftVersion)
        .where(DraftVersion.campaign_id == campaign_id)
        .order_by(DraftVersion.number.desc())
        .options(selectinload(DraftVersion.operator))
    )
