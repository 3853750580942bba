"""Campaigns and their frozen revisions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.audience.models import List
from campaigns.audience.segments.models import Segment
from campaigns.content.compiled import marks
from campaigns.content.formats import SOURCES, Format
from campaigns.content.templates.models import Template
from campaigns.core import statuses
from campaigns.core.db import Model, Word
from campaigns.core.i18n import _
from campaigns.settings.models import Server


class Status(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"

    @property
    def label(self) -> str:
        return statuses.label(self.value)


class PauseReason(StrEnum):
    OPERATOR = "operator"
    SERVER_DOWN = "server_down"
    SERVER_REFUSES = "server_refuses"  # sign-in or account trouble
    POLICY = "policy"  # content or reputation refused: all would fail
    BOUNCE_RATE = "bounce_rate"
    ERROR_RATE = "error_rate"
    MISSED_WINDOW = "missed_window"
    IN_DOUBT = "in_doubt"
    CONTENT = "content"
    DISK = "disk"
    RESTORED = "restored"
    NOBODY = "nobody"
    COMPLAINTS = "complaints"

    @property
    def label(self) -> str:
        return {
            PauseReason.OPERATOR: _("Paused manually"),
            PauseReason.SERVER_DOWN: _("The sending server is unreachable"),
            PauseReason.SERVER_REFUSES: _("The sending server rejects our account"),
            PauseReason.POLICY: _("Receiving servers reject this email"),
            PauseReason.BOUNCE_RATE: _("Too many addresses do not exist"),
            PauseReason.ERROR_RATE: _("Too many emails failed"),
            PauseReason.MISSED_WINDOW: _("Its scheduled time passed while the app wasn't running"),
            PauseReason.IN_DOUBT: _("Too many emails have an unknown outcome"),
            PauseReason.CONTENT: _("The content can't be rendered"),
            PauseReason.DISK: _("The disk is full"),
            PauseReason.RESTORED: _("The database was restored from a backup"),
            PauseReason.COMPLAINTS: _("Too many people marked this email as spam"),
            PauseReason.NOBODY: _("No one on its lists can receive it"),
        }[self]


GOING_OUT = (Status.SCHEDULED, Status.PREPARING, Status.SENDING, Status.PAUSED)


def _named_by_campaigns(name: str, what: str, **options: Any) -> sa.Table:
    """A table of what campaigns name: pairs of a campaign and a list or segment."""
    return sa.Table(
        name,
        Model.metadata,
        sa.Column("campaign_id", sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(f"{what}_id", sa.ForeignKey(f"{what}.id", **options), primary_key=True, index=True),
    )


campaign_list = _named_by_campaigns("campaign_list", "list", ondelete="CASCADE")
excluded_list = _named_by_campaigns("campaign_excluded_list", "list", ondelete="CASCADE")
# Who deletes a segment has to take it from these first: a campaign must not reach more people because of that.
campaign_segment = _named_by_campaigns("campaign_segment", "segment")
excluded_segment = _named_by_campaigns("campaign_excluded_segment", "segment")


class Campaign(Model):
    """A message to lists. `version` rises with every save (two tabs), `epoch` with every start or resume."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    subject: Mapped[str] = mapped_column(sa.String(500), default="")
    preheader: Mapped[str] = mapped_column(sa.String(500), default="")
    from_name: Mapped[str] = mapped_column(sa.String(100), default="")
    from_email: Mapped[str] = mapped_column(sa.String(320), default="")
    reply_to: Mapped[str | None] = mapped_column(sa.String(320))
    format: Mapped[Format] = mapped_column(Word(Format), default=Format.HTML, server_default="html")
    # What was written, for a document or Markdown; `html` is what it became when it was saved.
    written: Mapped[str] = mapped_column(sa.Text, default="", server_default="")
    html: Mapped[str] = mapped_column(sa.Text, default="")
    text: Mapped[str] = mapped_column(sa.Text, default="")
    # The mark of the HTML for which the text was written by hand (`content.compiled.text_part`); empty: unknown.
    text_written_for: Mapped[str] = mapped_column(sa.String(64), default="", server_default="")
    # What it was before it was converted to another format, as `planning.writing.conversions` keeps it.
    before_conversion: Mapped[str | None] = mapped_column(sa.Text, deferred=True)
    # The template it began with, or was kept as.
    template_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("template.id", ondelete="SET NULL"), index=True
    )
    # The template's version that the campaign has seen: the one it began with, or made of itself.
    template_version: Mapped[int | None]
    # The layout around its content. `html` has it in it; what was written of an email in HTML is in `written` then.
    layout_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("template.id", ondelete="SET NULL"), index=True
    )
    track_opens: Mapped[bool] = mapped_column(default=True)
    track_clicks: Mapped[bool] = mapped_column(default=True)
    # Whether images of the library go with each email instead of being loaded from here.
    attach_images: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    server_id: Mapped[int | None] = mapped_column(sa.ForeignKey("server.id", ondelete="SET NULL"))
    # Whether another server steps in when its own is unavailable.
    fails_over: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    status: Mapped[Status] = mapped_column(Word(Status), default=Status.DRAFT, index=True)
    version: Mapped[int] = mapped_column(default=1)
    # For each field of a draft the version in which it was last changed; empty: not known.
    changed_in: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    epoch: Mapped[int] = mapped_column(default=0)
    wave: Mapped[int] = mapped_column(default=1)
    send_at: Mapped[datetime | None]
    # The hours in which it may be sent, as `planning.windows` writes them; NULL: any time.
    sending_hours: Mapped[str | None] = mapped_column(sa.String(120))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]  # when an operator dismissed its failures on the start page
    pause_reason: Mapped[PauseReason | None] = mapped_column(Word(PauseReason))
    pause_detail: Mapped[str | None] = mapped_column(sa.String(500))
    paused_at: Mapped[datetime | None]
    # For messages in doubt after a fault: hold them for the operator instead of sending once more.
    holds_in_doubt: Mapped[bool] = mapped_column(default=False)
    # No foreign key: revisions reference their campaign, and a cycle cannot be created or dropped.
    revision_id: Mapped[int | None]
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    lists: Mapped[list[List]] = relationship(secondary=campaign_list, order_by=List.name)
    # Those on its lists who get it: in at least one of `segments` if it has any, on none of `excluded_lists`, in none
    # of `excluded_segments`.
    segments: Mapped[list[Segment]] = relationship(secondary=campaign_segment, order_by=Segment.name)
    excluded_segments: Mapped[list[Segment]] = relationship(secondary=excluded_segment, order_by=Segment.name)
    excluded_lists: Mapped[list[List]] = relationship(secondary=excluded_list, order_by=List.name)
    server: Mapped[Server | None] = relationship()
    created_by: Mapped[Operator | None] = relationship()
    layout: Mapped[Template | None] = relationship(foreign_keys=[layout_id])
    revision: Mapped[Revision | None] = relationship(
        primaryjoin="foreign(Campaign.revision_id) == Revision.id", viewonly=True
    )

    @property
    def is_editable(self) -> bool:
        return self.status is Status.DRAFT

    @property
    def is_scheduled(self) -> bool:
        return self.status is Status.SCHEDULED

    @property
    def is_preparing(self) -> bool:
        return self.status is Status.PREPARING

    @property
    def is_sending(self) -> bool:
        return self.status is Status.SENDING

    @property
    def is_paused(self) -> bool:
        return self.status is Status.PAUSED

    @property
    def is_finished(self) -> bool:
        return self.status is Status.FINISHED

    @property
    def is_over(self) -> bool:
        return self.status in (Status.FINISHED, Status.CANCELLED)

    @property
    def mailbox(self) -> str:
        """Who it comes from, with the address; empty when nobody was chosen yet."""
        return f"{self.from_name} <{self.from_email}>" if self.from_name else self.from_email

    @property
    def list_names(self) -> str:
        """Its lists by name."""
        return ", ".join(each.name for each in self.lists)

    @property
    def left_out_names(self) -> list[str]:
        """The lists and segments whose people it leaves out, by name."""
        return [
            *(each.name for each in self.excluded_lists),
            *(each.name for each in self.excluded_segments),
        ]

    @property
    def is_narrowed(self) -> bool:
        """Whether some of the people on its lists are left out by segments or other lists."""
        return bool(self.segments or self.excluded_lists or self.excluded_segments)

    @property
    def may_change_hours(self) -> bool:
        """Whether sending is not over, so that its sending hours can still be changed."""
        return self.status in GOING_OUT

    @property
    def own_html(self) -> str:
        """Its HTML without the layout, where that is what somebody writes."""
        return self.written if self.format is Format.HTML and self.layout else self.html

    @property
    def own_source(self) -> dict[str, str]:
        """What is written in its format, under the name of its field (`formats.SOURCES`)."""
        field = SOURCES[self.format]
        return {field: self.own_html if field == "html" else getattr(self, field)}

    @property
    def has_own_text(self) -> bool:
        """Whether its text part was written by hand beside HTML."""
        return bool(self.text.strip() and self.html.strip())

    @property
    def is_text_outdated(self) -> bool:
        """Whether the HTML has changed since its text part was written by hand."""
        return (
            self.has_own_text
            and bool(self.text_written_for)
            and self.text_written_for != marks.mark_of(self.html)
        )

    @property
    def is_under_way(self) -> bool:
        return self.status in (Status.PREPARING, Status.SENDING, Status.PAUSED)


class Revision(Model):
    """A campaign's content, frozen at launch and never changed."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str] = mapped_column(sa.String(500))
    preheader: Mapped[str] = mapped_column(sa.String(500))
    from_name: Mapped[str] = mapped_column(sa.String(100))
    from_email: Mapped[str] = mapped_column(sa.String(320))
    reply_to: Mapped[str | None] = mapped_column(sa.String(320))
    html: Mapped[str] = mapped_column(sa.Text)
    text: Mapped[str] = mapped_column(sa.Text)
    track_opens: Mapped[bool]
    track_clicks: Mapped[bool]
    # The sender's bounce address then (`core.mail_addresses`); empty: `from_email`.
    bounce_address: Mapped[str] = mapped_column(sa.String(320), default="", server_default="")
    # The base of its links: the worker that sends it may not have it in its configuration.
    public_url: Mapped[str] = mapped_column(sa.String(300), default="", server_default="")
    sha256: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]


class Link(Model):
    """A tracked link of a revision: the message has only its number."""

    __tablename__ = "link"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(sa.ForeignKey("revision.id", ondelete="CASCADE"))
    number: Mapped[int]
    url: Mapped[str] = mapped_column(sa.Text)

    __table_args__ = (sa.UniqueConstraint("revision_id", "number"),)
