"""Where alerts come from, and each alert with how often the team was told."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core.db import BigId, Model


class AlertSource(Model):
    """A URL of ours that one monitoring sends its alerts to, and who gets mail about them."""

    __tablename__ = "alert_source"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    # The secret in the URL: hashed to be found, sealed to be shown.
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    token_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    recipients: Mapped[list[str]]  # addresses
    created_at: Mapped[datetime]
    last_at: Mapped[datetime | None]  # when it last sent anything
    # Mails about news are counted, so that a storm becomes one mail every few minutes.
    mails: Mapped[int] = mapped_column(default=0, server_default="0")
    mails_since: Mapped[datetime | None]

    alerts: Mapped[list[Alert]] = relationship(
        back_populates="source", cascade="all, delete-orphan", passive_deletes=True
    )


class Alert(Model):
    """One alert of a source, firing or resolved; when it fires again it is the same row."""

    __tablename__ = "alert"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(sa.ForeignKey("alert_source.id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    title: Mapped[str] = mapped_column(sa.String(200))
    text: Mapped[str] = mapped_column(sa.Text, default="", server_default="")
    url: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    fired_at: Mapped[datetime]
    last_at: Mapped[datetime]  # when its source last said so
    resolved_at: Mapped[datetime | None]  # NULL: it fires
    told: Mapped[int] = mapped_column(default=0, server_default="0")  # mails since it fired
    mail_at: Mapped[datetime | None] = mapped_column(index=True)  # when to tell the team next

    source: Mapped[AlertSource] = relationship(back_populates="alerts")

    __table_args__ = (sa.UniqueConstraint("source_id", "fingerprint"),)

    @property
    def is_firing(self) -> bool:
        return self.resolved_at is None

    @property
    def state(self) -> str:
        return "firing" if self.is_firing else "resolved"
