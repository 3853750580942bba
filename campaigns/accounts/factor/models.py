"""Second factors of operators: authenticator apps, passkeys, recovery codes, and devices that skip the second step."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.accounts.models import Role
from campaigns.core import browsers
from campaigns.core.db import Json, Model, Word


class AuthenticatorApp(Model):
    """A secret shared with an authenticator app (RFC 6238). Until it is confirmed, its codes are not accepted."""

    __tablename__ = "authenticator_app"

    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    secret_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    # The time step of the last accepted code; its code and all earlier ones are refused.
    last_step: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    # Wrong codes in a row. Signing in by password again does not reset the count.
    failures: Mapped[int] = mapped_column(default=0)
    blocked_until: Mapped[datetime | None]


class RecoveryCode(Model):
    """A code that replaces a lost factor, once. Only its hash is kept."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Passkey(Model):
    """A WebAuthn credential; the private key stays on the authenticator."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    credential_id: Mapped[bytes] = mapped_column(sa.LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sign_count: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    transports: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SpentChallenge(Model):
    """An answered WebAuthn challenge, kept until it expires so that it cannot be answered twice."""

    __tablename__ = "spent_challenge"

    challenge_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RememberedDevice(Model):
    """A browser that skips the second step until `expires_at`. The cookie holds the secret, this row its hash."""

    __tablename__ = "remembered_device"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ip: Mapped[str] = mapped_column(sa.String(45), default="")
    user_agent: Mapped[str] = mapped_column(sa.String(300), default="")

    @property
    def browser(self) -> str:
        return browsers.name(self.user_agent)


class FactorRule(Model):
    """A role that requires a second factor."""

    __tablename__ = "factor_rule"

    role: Mapped[Role] = mapped_column(Word(Role), primary_key=True)
    created_at: Mapped[datetime]
