"""Sending domains and their DKIM keys."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core.db import Json, Model, Word
from campaigns.mail import dkim_records
from campaigns.mail.dkim_records import Algorithm


class KeyState(StrEnum):
    WAITING = "waiting"  # until its record is found in DNS
    SIGNING = "signing"
    OLD = "old"  # a newer key signs; messages under way still need its record


def seal_owner(domain: str, selector: str) -> str:
    """The owner that a private key is sealed for: it opens only for that domain and selector."""
    return f"dkim:{domain}:{selector}"


class SenderDomain(Model):
    """A domain in A-labels, and what the last DNS check found."""

    __tablename__ = "sender_domain"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(253), unique=True)
    created_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)

    keys: Mapped[list[DkimKey]] = relationship(
        back_populates="domain", order_by="DkimKey.id", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def signing_keys(self) -> list[DkimKey]:
        """The keys that sign now. Ed25519 never alone if there is an RSA key: many cannot verify it (A02)."""
        keys = [key for key in self.keys if key.state is KeyState.SIGNING]
        if any(key.algorithm is Algorithm.RSA for key in keys):
            return keys
        waits_for_rsa = any(key.algorithm is Algorithm.RSA for key in self.keys)
        return [] if waits_for_rsa else keys

    @property
    def health(self) -> str:
        """`signing`, `waiting` for records, or `unpublished`: it signs, but DNS has another key or none."""
        keys = self.signing_keys
        if not keys:
            return "waiting"
        lost = {each["name"] for each in self.findings if each["state"] in ("different", "missing")}
        return "unpublished" if lost & {key.record_name for key in keys} else "signing"

    @property
    def is_signing(self) -> bool:
        return self.health == "signing"

    @property
    def is_unpublished(self) -> bool:
        return self.health == "unpublished"


class DkimKey(Model):
    """A domain's key pair. The private half is sealed and never shown."""

    __tablename__ = "dkim_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    domain_id: Mapped[int] = mapped_column(sa.ForeignKey("sender_domain.id", ondelete="CASCADE"))
    selector: Mapped[str] = mapped_column(sa.String(63))
    algorithm: Mapped[Algorithm] = mapped_column(Word(Algorithm))
    state: Mapped[KeyState] = mapped_column(Word(KeyState), default=KeyState.WAITING)
    private_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    public: Mapped[str] = mapped_column(sa.String(1000))  # base64, as in p= of the record
    created_at: Mapped[datetime]
    signing_since: Mapped[datetime | None]

    domain: Mapped[SenderDomain] = relationship(back_populates="keys")

    __table_args__ = (sa.UniqueConstraint("domain_id", "selector"),)

    @property
    def is_old(self) -> bool:
        return self.state is KeyState.OLD

    @property
    def record_name(self) -> str:
        """The DNS name of its record."""
        return f"{self.selector}._domainkey.{self.domain.name}"

    @property
    def record(self) -> str:
        """The complete text of its record."""
        return dkim_records.record_of(self.algorithm, self.public)
