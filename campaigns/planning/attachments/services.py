"""Adds and removes files and the event of a draft, and freezes them at launch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.mail.mime import parts
from campaigns.mail.mime.parts import Part
from campaigns.planning.attachments import files, images, queries
from campaigns.planning.attachments.models import Attachment, CampaignEvent, FileBlob
from campaigns.planning.models import Campaign, Revision, Status

LONGEST_EVENT = timedelta(days=60)


def add(campaign: Campaign, name: str, data: bytes, *, now: datetime) -> Attachment:
    """Attach a file to a draft; raises Invalid(field="file"), and Conflict when it is no draft any more."""
    _refuse_unless_draft(campaign)
    made = Attachment(campaign_id=campaign.id, **files.keep(name, data, others=queries.of(campaign)))
    db.session.add(made)
    db.session.flush()
    audit_services.record("campaign.file_attached", campaign.name, file=made.name, now=now)
    return made


def remove(campaign: Campaign, attachment: Attachment, *, now: datetime) -> None:
    """Take a file off a draft, and its bytes out of the database where no other campaign has them."""
    _refuse_unless_draft(campaign)
    digest, name = attachment.sha256, attachment.name
    db.session.delete(attachment)
    db.session.flush()
    files.drop_unused([digest])
    audit_services.record("campaign.file_removed", campaign.name, file=name, now=now)


def set_event(
    campaign: Campaign,
    *,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    zone: str,
    place: str = "",
    description: str = "",
    now: datetime,
) -> CampaignEvent:
    """Have a draft's emails invite to an event; raises Invalid with the field, Conflict when it is no draft."""
    _refuse_unless_draft(campaign)
    if not title.strip():
        raise Invalid(_("Enter the event's title."), field="title")
    if clock.zone(zone).key != zone:
        raise Invalid(_("Choose a time zone."), field="zone")
    if not starts_at < ends_at <= starts_at + LONGEST_EVENT:
        raise Invalid(_("The event must end after it starts, and within 60 days."), field="ends")
    found = queries.event(campaign) or CampaignEvent(campaign_id=campaign.id)
    found.title, found.place = _line(title)[:200], _line(place)[:300]
    found.starts_at, found.ends_at, found.zone = starts_at, ends_at, zone
    found.description, found.changed_at = description.replace("\0", "").strip()[:5000], now
    db.session.add(found)
    db.session.flush()
    audit_services.record("campaign.event_set", campaign.name, event=found.title, now=now)
    return found


def remove_event(campaign: Campaign, *, now: datetime) -> None:
    """Have a draft's emails invite to nothing."""
    _refuse_unless_draft(campaign)
    if (found := queries.event(campaign)) is not None:
        db.session.delete(found)
        db.session.flush()
        audit_services.record("campaign.event_removed", campaign.name, now=now)


def set_attach_images(campaign: Campaign, *, is_on: bool, now: datetime) -> None:
    """Have the images of the library go with a draft's emails, or be loaded by them; raises Conflict."""
    _refuse_unless_draft(campaign)
    if campaign.attach_images is not is_on:
        campaign.attach_images = is_on
        db.session.flush()
        action = "campaign.images_attached" if is_on else "campaign.images_linked"
        audit_services.record(action, campaign.name, now=now)


def freeze(campaign: Campaign, revision: Revision, parts_sent: Iterable[Part]) -> None:
    """Give a revision the files, the images and the event of its campaign, for good.

    `parts_sent`: all that goes with its emails. Raises Invalid when that is too large.
    """
    attached = queries.of(campaign)
    shown = {part.content_id: part for part in parts_sent if part.content_id}
    images.refuse_too_large(
        sum(each.size for each in attached) + sum(len(part.data) for part in shown.values())
    )
    for each in attached:
        _copy(each, campaign_id=campaign.id, revision_id=revision.id)
    for part in shown.values():
        _keep_image(part, campaign, revision)
    if (found := queries.event(campaign)) is not None:
        _copy(found, campaign_id=campaign.id, revision_id=revision.id)
    db.session.flush()


def copy(campaign: Campaign, other: Campaign) -> None:
    """Give another draft the same files and event."""
    other.attach_images = campaign.attach_images
    for each in queries.of(campaign):
        _copy(each, campaign_id=other.id)
    if (found := queries.event(campaign)) is not None:
        _copy(found, campaign_id=other.id)
    db.session.flush()


def _keep_image(part: Part, campaign: Campaign, revision: Revision) -> None:
    digest = part.digest
    db.session.execute(insert(FileBlob).values(sha256=digest, data=part.data).on_conflict_do_nothing())
    db.session.add(
        Attachment(
            campaign_id=campaign.id,
            revision_id=revision.id,
            name=parts.clean_name(part.name),
            kind=part.kind,
            size=len(part.data),
            sha256=digest,
            content_id=part.content_id,
        )
    )


def _copy(row: Attachment | CampaignEvent, **owner: int) -> None:
    values = {name: getattr(row, name) for name in _CONTENT[type(row)]}
    db.session.add(type(row)(**values, **owner))


_CONTENT = {
    Attachment: ("name", "kind", "size", "sha256"),
    CampaignEvent: ("title", "starts_at", "ends_at", "zone", "place", "description", "changed_at"),
}


def _line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _refuse_unless_draft(campaign: Campaign) -> None:
    # Locked, so that no launch freezes it between this look and the commit.
    status = db.session.scalar(sa.select(Campaign.status).filter_by(id=campaign.id).with_for_update())
    if status is not Status.DRAFT:
        raise Conflict(_("Not saved: this campaign is no longer a draft. View the campaign."))
