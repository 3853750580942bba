"""Links that show an email to people without an account, and what they and operators say about it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.core.db import Model
from campaigns.planning.models import Campaign

OWN = "own"  # instead of a language: the campaign's own content


class ShareLink(Model):
    """A link to a campaign's email as it is now. Only its secret's hash is stored; who has the link may comment."""

    __tablename__ = "share_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    # The one language that it shows, or OWN for the campaign's own content; empty: its reader chooses.
    language: Mapped[str] = mapped_column(sa.String(16), default="", server_default="")

    campaign: Mapped[Campaign] = relationship()
    created_by: Mapped[Operator | None] = relationship()


class Comment(Model):
    """A comment on a campaign's email, or a reply to one; `operator` is None for who came by a link."""

    __tablename__ = "comment"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    share_id: Mapped[int | None] = mapped_column(sa.ForeignKey("share_link.id", ondelete="SET NULL"))
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("comment.id", ondelete="CASCADE"))
    author: Mapped[str] = mapped_column(sa.String(80))
    text: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    # Of the content that it is about; empty where there was only one.
    language: Mapped[str] = mapped_column(sa.String(16), default="", server_default="")

    @property
    def is_ours(self) -> bool:
        """Whether an operator wrote it: nobody who came by a link can."""
        return self.share_id is None and self.operator_id is not None
