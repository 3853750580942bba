"""Tables of what a draft said before, and of who has it open."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.core.db import BigId, Model, Word
from campaigns.core.i18n import _

SILENCE = timedelta(seconds=60)  # after which whoever was writing is taken to have left
LONGEST_NAME = 100
LONGEST_TAB = 36


class Kind(StrEnum):
    """What brought a version about."""

    START = "start"  # what was there before the first change that is kept
    AUTOSAVE = "autosave"
    SAVE = "save"
    RESTORE = "restore"
    CONVERSION = "conversion"  # to another way of writing
    LAYOUT = "layout"  # its layout was changed
    CONFLICT = "conflict"  # was not saved into the draft: somebody else's changes stand there

    @property
    def label(self) -> Any:
        return {
            Kind.START: _("Start"),
            Kind.AUTOSAVE: _("Saved automatically"),
            Kind.SAVE: _("Saved"),
            Kind.RESTORE: _("Restored"),
            Kind.CONVERSION: _("Converted"),
            Kind.LAYOUT: _("Layout changed"),
            Kind.CONFLICT: _("Not saved (conflict)"),
        }[self]


class DraftVersion(Model):
    """The content of a draft at one time, compressed. Numbers count from 1 in each campaign and are not used again."""

    __tablename__ = "draft_version"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    name: Mapped[str] = mapped_column(sa.String(LONGEST_NAME), default="", server_default="")
    operator_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("operator.id", ondelete="SET NULL"), index=True
    )
    author: Mapped[str] = mapped_column(sa.String(320), default="", server_default="")
    tab: Mapped[str] = mapped_column(sa.String(LONGEST_TAB), default="", server_default="")
    # `Campaign.version` when the draft said this; of a conflict, the one it was based on.
    saved_as: Mapped[int]
    # The fields that are different from the version before, for the list.
    changed: Mapped[list[str]]
    began_at: Mapped[datetime]
    saved_at: Mapped[datetime]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    size: Mapped[int]  # bytes of `content`
    content: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)

    operator: Mapped[Operator | None] = relationship()

    __table_args__ = (sa.UniqueConstraint("campaign_id", "number"),)

    @property
    def is_named(self) -> bool:
        return bool(self.name)

    @property
    def is_conflict(self) -> bool:
        return self.kind is Kind.CONFLICT

    @property
    def who(self) -> str:
        """Who wrote it, as pages say it; empty when nobody is known."""
        return (self.operator.name or self.operator.email) if self.operator else self.author


class Editing(Model):
    """Who has a draft open for writing; one row for a campaign, of one tab of one browser."""

    __tablename__ = "editing"

    campaign_id: Mapped[int] = mapped_column(
        sa.ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    tab: Mapped[str] = mapped_column(sa.String(LONGEST_TAB))
    seen_at: Mapped[datetime]
    active_at: Mapped[datetime]  # when something was last changed

    operator: Mapped[Operator] = relationship()

    def is_held(self, now: datetime) -> bool:
        """Whether that tab was heard of lately."""
        return now - self.seen_at < SILENCE

    @property
    def who(self) -> str:
        return self.operator.name or self.operator.email
