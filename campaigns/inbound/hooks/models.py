"""Webhooks of providers, and the events that came by them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Word
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.models import Effect
from campaigns.inbound.verdicts.verdict import MOST_DIAGNOSTIC, Cause, Detail, Kind


class Webhook(Model):
    """A URL of ours that one account at a provider sends its events to."""

    __tablename__ = "provider"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Provider] = mapped_column(Word(Provider))
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    # The secret in the URL: hashed to be found, sealed to be shown.
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    token_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    # What `registry.SecretKind` says of this provider; NULL: none yet.
    secret_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime]
    last_event_at: Mapped[datetime | None]
    events: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    # Events that need nothing done: opens, clicks, whatever we don't know.
    ignored: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")

    @property
    def has_secret(self) -> bool:
        return self.secret_sealed is not None

    @property
    def is_ready(self) -> bool:
        """Whether its requests can be verified."""
        return self.has_secret or not self.kind.secret.is_needed

    @property
    def health(self) -> str:
        """`incomplete` without its secret, `listening` before the first event, then `receiving`."""
        if not self.is_ready:
            return "incomplete"
        return "receiving" if self.last_event_at else "listening"


class ProviderEvent(Model):
    """What a provider said of one recipient, and what that led to."""

    __tablename__ = "provider_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider_id: Mapped[int] = mapped_column(sa.ForeignKey("provider.id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(sa.String(64))
    received_at: Mapped[datetime]
    at: Mapped[datetime | None]  # when it happened, if the provider says so
    name: Mapped[str] = mapped_column(sa.String(60))  # the provider's word
    kind: Mapped[Kind | None] = mapped_column(Word(Kind))
    address: Mapped[str] = mapped_column(sa.String(320), default="", server_default="")
    reason: Mapped[Cause] = mapped_column(Word(Cause))
    detail: Mapped[Detail] = mapped_column(Word(Detail))
    is_hard: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    status: Mapped[str] = mapped_column(sa.String(11), default="", server_default="")
    diagnostic: Mapped[str] = mapped_column(sa.String(MOST_DIAGNOSTIC), default="", server_default="")
    ways: Mapped[list[str]]  # empty once it is applied
    delivery_id: Mapped[int | None] = mapped_column(BigId)  # found by a signed token
    effect: Mapped[Effect | None] = mapped_column(Word(Effect))  # NULL: not applied yet
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    error: Mapped[str | None] = mapped_column(sa.String(500))

    webhook: Mapped[Webhook] = relationship()

    __table_args__ = (
        sa.UniqueConstraint("provider_id", "event_id"),
        sa.Index("ix_provider_event_received_at", "received_at"),
        sa.Index(
            "ix_provider_event_waiting",
            "id",
            postgresql_where=sa.text("effect IS NULL"),
            sqlite_where=sa.text("effect IS NULL"),
        ),
    )

    @property
    def shown_address(self) -> str:
        return self.address or "–"

    @property
    def has_reason(self) -> bool:
        """Whether it says why: of what is no failure there is nothing to say."""
        return self.kind in (Kind.BOUNCE, Kind.DELAY)

    @property
    def effect_text(self) -> str:
        """What it led to, in the current language."""
        return str(self.effect.label) if self.effect else str(statuses.label("stored"))

    @property
    def kind_text(self) -> str:
        """What it is, in the current language; the provider's word for what we don't know."""
        return str(self.kind.label) if self.kind else self.name


class ProviderNonce(Model):
    """A token of a provider that may come only once, with the same body."""

    __tablename__ = "provider_nonce"

    provider_id: Mapped[int] = mapped_column(
        sa.ForeignKey("provider.id", ondelete="CASCADE"), primary_key=True
    )
    nonce: Mapped[str] = mapped_column(sa.String(64), primary_key=True)  # hashed
    digest: Mapped[str] = mapped_column(sa.String(64))  # of the body
    at: Mapped[datetime] = mapped_column(index=True)
