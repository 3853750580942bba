"""The tables of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import BigId, Model


class AuditEntry(Model):
    """Who did what, to what, and from which IP address. Not changed once it has its place in the chain.

    `operator_id` is no foreign key, so that it stays after the account is deleted. `number` and `hash` are set before
    the commit.
    """

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[int | None] = mapped_column(sa.BigInteger, unique=True)
    at: Mapped[datetime] = mapped_column(index=True)
    operator_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(sa.String(320), default="")
    action: Mapped[str] = mapped_column(sa.String(64), index=True)
    subject: Mapped[str] = mapped_column(sa.String(200), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ip: Mapped[str] = mapped_column(sa.String(45), default="")
    hash: Mapped[str | None] = mapped_column(sa.String(64))


class AuditHead(Model):
    """The only row: number and hash of the newest entry, and the hash before the oldest entry that is kept."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    hash: Mapped[str] = mapped_column(sa.String(64), default="")
    first_number: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    hash_before_first: Mapped[str] = mapped_column(sa.String(64), default="")
