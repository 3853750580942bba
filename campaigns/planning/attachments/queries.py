"""Reads the files and the event of a campaign, or of what was launched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from campaigns.content.compiled.invitation import Invitation
from campaigns.content.compiled.source import Source
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.mail.mime.parts import Part
from campaigns.planning.attachments import images
from campaigns.planning.attachments.models import Attachment, CampaignEvent, FileBlob
from campaigns.planning.models import Campaign, Revision


def of(content: Campaign | Revision) -> list[Attachment]:
    """The files, in the order in which they were added."""
    return list(db.session.scalars(_of(Attachment, content).order_by(Attachment.id)))


def attachment(campaign: Campaign, attachment_id: int) -> Attachment:
    """A file of the draft; raises NotFound."""
    found = db.session.scalar(_of(Attachment, campaign).where(Attachment.id == attachment_id))
    if found is None:
        raise NotFound(_("Attachment not found."))
    return found


def event(content: Campaign | Revision) -> CampaignEvent | None:
    """The event it invites to."""
    return db.session.scalar(_of(CampaignEvent, content))


def with_files(sources: Mapping[str, Source], content: Campaign | Revision) -> dict[str, Source]:
    """The sources with the files, images and invitation that go with each copy: their bytes are read here.

    Raises Invalid for a draft's images that are too large, Unavailable when they can't be read, ContentError.
    """
    files, found = of(content), event(content)
    images_read = _images_of(sources, content)
    if not files and found is None and not images_read:
        return dict(sources)
    wanted = sa.select(FileBlob.sha256, FileBlob.data).where(
        FileBlob.sha256.in_({each.sha256 for each in files})
    )
    blobs = {row.sha256: row.data for row in db.session.execute(wanted)}
    parts = [Part(each.name, each.kind, blobs[each.sha256], each.content_id) for each in files]
    attached = tuple(part for part in parts if not part.content_id)
    shown = [*images_read, *(part for part in parts if part.content_id)]
    every = {
        language: replace(source, parts=attached, invitation=_invitation(found, content, source))
        for language, source in sources.items()
    }
    return {language: images.inside(each, shown) for language, each in every.items()} if shown else every


def _images_of(sources: Mapping[str, Source], content: Campaign | Revision) -> list[Part]:
    """The images that go with a draft's emails; those of a revision are among its files."""
    if isinstance(content, Revision) or not content.attach_images:
        return []
    return images.read(sources.values())


def _invitation(
    found: CampaignEvent | None, content: Campaign | Revision, source: Source
) -> Invitation | None:
    if found is None:
        return None
    number = content.campaign_id if isinstance(content, Revision) else content.id
    return Invitation(
        uid=f"event-{number}-{found.changed_at:%Y%m%d%H%M%S}@{source.message_id_domain}",
        title=found.title,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        zone=found.zone,
        stamp=found.changed_at,
        place=found.place,
        description=found.description,
    )


def _of(model: type[Attachment | CampaignEvent], content: Campaign | Revision) -> sa.Select[Any]:
    if isinstance(content, Revision):
        return sa.select(model).where(model.revision_id == content.id)
    return sa.select(model).where(model.campaign_id == content.id, model.revision_id.is_(None))
