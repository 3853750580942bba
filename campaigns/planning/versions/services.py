"""Puts an earlier version back, and names one."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign
from campaigns.planning.versions import contents, thinning
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import LONGEST_NAME, DraftVersion, Kind

MOST_NAMED = 50  # of a campaign: they are never deleted


def restore(campaign: Campaign, version: DraftVersion, *, now: datetime) -> None:
    """Make the draft say again what that version says; what it says now stays as the version before.

    Lists, tracking and the sending server stay as they are. Raises Conflict when it is no draft any more.
    """
    if not campaign.is_editable:
        raise Conflict(_("Only drafts can be restored. Copy this campaign to write on."))
    planning_services.save_draft(
        campaign,
        version=campaign.version,
        values=contents.to_restore(contents.unpack(version.content)),
        now=now,
        how=How(Kind.RESTORE),
    )
    audit_services.record("campaign.restored", campaign.name, version=version.number, now=now)


def name_version(campaign: Campaign, version: DraftVersion, name: str, *, now: datetime) -> None:
    """Give a version a name, so that it is kept for good; an empty one takes the name away.

    Raises Invalid(field="name") when it is too long, or too many have one.
    """
    name = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    if len(name) > LONGEST_NAME:
        raise Invalid(_("Use at most %(number)d characters.", number=LONGEST_NAME), field="name")
    if name and not version.name:
        _check_room(campaign.id, version)
    version.name = name
    db.session.flush()
    audit_services.record("campaign.version_named", campaign.name, version=version.number, name=name, now=now)


def _check_room(campaign_id: int, version: DraftVersion) -> None:
    named = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(DraftVersion.size), 0)).where(
        DraftVersion.campaign_id == campaign_id, DraftVersion.name != ""
    )
    count, size = db.session.execute(named).one()
    if count >= MOST_NAMED or size + version.size > thinning.MOST_BYTES:
        raise Invalid(
            _("This campaign has too many named versions. Remove the name of another one first."),
            field="name",
        )
