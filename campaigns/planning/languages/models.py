"""A campaign's content in another language, and the same frozen at launch."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.content.formats import SOURCES, Format
from campaigns.core.db import Model, Word
from campaigns.planning.models import Campaign


class Translation(Model):
    """What people who read `language` get instead of the campaign's own content; `version` as the campaign's."""

    __tablename__ = "translation"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(sa.String(16))  # BCP 47, like "de" or "pt-BR"
    subject: Mapped[str] = mapped_column(sa.String(500), default="")
    preheader: Mapped[str] = mapped_column(sa.String(500), default="")
    format: Mapped[Format] = mapped_column(Word(Format))
    written: Mapped[str] = mapped_column(sa.Text, default="")
    html: Mapped[str] = mapped_column(sa.Text, default="")
    text: Mapped[str] = mapped_column(sa.Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]

    campaign: Mapped[Campaign] = relationship()

    __table_args__ = (sa.UniqueConstraint("campaign_id", "language"),)

    @property
    def own_html(self) -> str:
        """Its HTML without the campaign's layout, where that is what somebody writes."""
        return self.written if self.format is Format.HTML and self.campaign.layout else self.html

    @property
    def own_source(self) -> dict[str, str]:
        """What is written in its format, under the name of its field (`formats.SOURCES`)."""
        field = SOURCES[self.format]
        return {field: self.own_html if field == "html" else getattr(self, field)}

    @property
    def content(self) -> dict[str, str]:
        """What is frozen of it at launch, with its language."""
        return {name: getattr(self, name) for name in ("language", "subject", "preheader", "html", "text")}


class FrozenTranslation(Model):
    """A translation as it was at launch; never changed."""

    __tablename__ = "frozen_translation"

    revision_id: Mapped[int] = mapped_column(
        sa.ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True
    )
    language: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(sa.String(500))
    preheader: Mapped[str] = mapped_column(sa.String(500))
    html: Mapped[str] = mapped_column(sa.Text)
    text: Mapped[str] = mapped_column(sa.Text)
