"""Templates and their versions."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.content.formats import Format
from campaigns.core.db import Model, Word

# What a version keeps of its template.
CONTENT = ("format", "subject", "preheader", "written", "html", "text")


class Template(Model):
    """Content that campaigns begin with. `version` rises with every save; `html` is rendered from `written` then.

    A layout (`layouts`) is around the content of campaigns instead, and has a place for it.
    """

    __tablename__ = "template"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    format: Mapped[Format] = mapped_column(Word(Format))
    subject: Mapped[str] = mapped_column(sa.String(500), default="")
    preheader: Mapped[str] = mapped_column(sa.String(500), default="")
    written: Mapped[str] = mapped_column(sa.Text, default="")
    html: Mapped[str] = mapped_column(sa.Text, default="")
    text: Mapped[str] = mapped_column(sa.Text, default="")
    is_layout: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    version: Mapped[int] = mapped_column(default=1)
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    created_by: Mapped[Operator | None] = relationship()


class TemplateVersion(Model):
    """A template's content as it was saved; never changed."""

    __tablename__ = "template_version"

    template_id: Mapped[int] = mapped_column(
        sa.ForeignKey("template.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    format: Mapped[Format] = mapped_column(Word(Format))
    subject: Mapped[str] = mapped_column(sa.String(500))
    preheader: Mapped[str] = mapped_column(sa.String(500))
    written: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text)
    text: Mapped[str] = mapped_column(sa.Text)
    saved_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    saved_at: Mapped[datetime]

    saved_by: Mapped[Operator | None] = relationship()

    @property
    def who(self) -> str:
        """Who saved it; empty when that isn't known any more."""
        return (self.saved_by.name or self.saved_by.email) if self.saved_by else ""
