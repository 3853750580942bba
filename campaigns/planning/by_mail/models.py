"""Invitations to answer an alert with a command."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.core.db import BigId, Model
from campaigns.planning.models import Campaign


class MailCommand(Model):
    """An address, by its number, that takes one command for a campaign with the rights of an operator."""

    __tablename__ = "mail_command"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    # How often an answer said that nothing was done.
    refusals: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")

    campaign: Mapped[Campaign] = relationship()
    operator: Mapped[Operator] = relationship()

    def is_good(self, now: datetime) -> bool:
        """Whether it takes a command without any other proof."""
        return self.used_at is None and now < self.expires_at
