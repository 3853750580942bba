"""Files of campaigns, of templates and of what was launched, and the event that a campaign invites to."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import Model


class FileBlob(Model):
    """The bytes of a file, once for all campaigns and templates that attach it.

    In the database, which every worker reaches.
    """

    __tablename__ = "file_blob"

    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)


class Attachment(Model):
    """A file of a campaign, and of each of its revisions (`revision_id`): those are never changed."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    revision_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("revision.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(sa.String(200))
    kind: Mapped[str] = mapped_column(sa.String(130))
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(sa.ForeignKey("file_blob.sha256"), index=True)
    # Of an image of a revision that is shown inside the HTML; empty: a file that is attached.
    content_id: Mapped[str] = mapped_column(sa.String(170), default="", server_default="")


class TemplateFile(Model):
    """A file of a template: campaigns that begin with it get it too. Not among the versions of its content."""

    __tablename__ = "template_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    template_id: Mapped[int] = mapped_column(sa.ForeignKey("template.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    kind: Mapped[str] = mapped_column(sa.String(130))
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(sa.ForeignKey("file_blob.sha256"), index=True)


class CampaignEvent(Model):
    """The event that a campaign's emails invite to; `zone` is the one its times are told in."""

    __tablename__ = "campaign_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    revision_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("revision.id", ondelete="CASCADE"), index=True
    )
    title: Mapped[str] = mapped_column(sa.String(200))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    zone: Mapped[str] = mapped_column(sa.String(64))
    place: Mapped[str] = mapped_column(sa.String(300), default="")
    description: Mapped[str] = mapped_column(sa.Text, default="")
    changed_at: Mapped[datetime]
