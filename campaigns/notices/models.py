"""Notices, the app's own emails, stored in the database: losing the queue must not lose a password reset."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import BigId, Model


class Notice(Model):
    """An email of the app itself (reset, invitation, confirmation, alert) and its state."""

    __tablename__ = "notice"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(32))
    to_address: Mapped[str] = mapped_column(sa.String(320))
    subject: Mapped[str] = mapped_column(sa.String(998))
    text: Mapped[str] = mapped_column(sa.Text)
    from_name: Mapped[str | None] = mapped_column(sa.String(200))
    from_address: Mapped[str | None] = mapped_column(sa.String(320))
    # What it is about: a second notice about the same is not stored.
    once: Mapped[str | None] = mapped_column(sa.String(100), unique=True)
    # More header fields, by name.
    headers: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    attachment: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)  # a message, in zlib
    # Nobody is told when it can't be delivered: MAIL FROM:<> (RFC 3834 section 3.3).
    has_null_path: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    # Sent at once, whatever a worker is doing, over the fastest server.
    is_urgent: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(sa.String(500))

    __table_args__ = (sa.Index("ix_notice_next_at", "next_at"),)
