"""Second factors of operators: authenticator apps, passkeys, recovery codes, and devices that skip the second step."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.accounts.models import Role
from campaigns.core import browsers
from campaigns.core.db import Json, Model, Word


class AuthenticatorApp(Model):
    """A secret shared with an app that shows six digits (RFC 6238). Not confirmed: it opens nothing yet."""

    __tablename__ = "authenticator_app"

    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    secret_sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    # The time step of the last code that was accepted: it and all earlier ones are used up.
    last_step: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    # Wrong codes in a row. They are the account's: another sign-in by password does not forget them.
    failures: Mapped[int] = mapped_column(default=0)
    blocked_until: Mapped[datetime | None]


class RecoveryCode(Model):
    """Stands in for a lost factor, once; we keep its hash."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Passkey(Model):
    """A WebAuthn credential: we keep the public half."""

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
    """A WebAuthn challenge that was answered: no second answer to it is taken while it would still be in time."""

    __tablename__ = "spent_challenge"

    challenge_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RememberedDevice(Model):
    """A browser that need not give the second factor for a while; its cookie holds the secret."""

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
    """A role whose operators need a second factor."""

    __tablename__ = "factor_rule"

    role: Mapped[Role] = mapped_column(Word(Role), primary_key=True)
    created_at: Mapped[datetime]
