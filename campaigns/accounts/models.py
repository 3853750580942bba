"""Operators, their sessions, invitations and password resets."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core import browsers
from campaigns.core.db import Model, Word
from campaigns.core.i18n import _


class Role(StrEnum):
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"

    @property
    def label(self) -> str:
        return {Role.ADMIN: _("Admin"), Role.EDITOR: _("Editor"), Role.VIEWER: _("Viewer")}[self]


class Operator(Model):
    """A person who can sign in. `email` is the address as typed, `address` its normalised form, which is unique."""

    __tablename__ = "operator"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(320))
    address: Mapped[str] = mapped_column(sa.String(320), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    role: Mapped[Role] = mapped_column(Word(Role))
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    language: Mapped[str] = mapped_column(sa.String(8), default="en")
    time_zone: Mapped[str] = mapped_column(sa.String(64), default="UTC")
    wants_alerts: Mapped[bool] = mapped_column(default=True)
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]

    @property
    def display_name(self) -> str:
        return self.name or self.email

    @property
    def initials(self) -> str:
        words = self.display_name.replace("@", " ").split()
        return "".join(word[0] for word in words[:2]).upper()


class OperatorSession(Model):
    """A signed-in browser. The cookie holds the secret, this row its hash."""

    __tablename__ = "operator_session"

    secret_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ip: Mapped[str] = mapped_column(sa.String(45), default="")
    user_agent: Mapped[str] = mapped_column(sa.String(300), default="")
    # When the password or a factor was last given: some actions ask for it again.
    confirmed_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)  # wrong answers to that question
    # The role needs a second factor and the operator has none: only the set-up pages are open.
    must_set_up: Mapped[bool] = mapped_column(default=False)
    device_id: Mapped[int | None] = mapped_column(sa.ForeignKey("remembered_device.id", ondelete="SET NULL"))

    operator: Mapped[Operator] = relationship()

    @property
    def browser(self) -> str:
        """Browser and operating system, like "Firefox, Linux"; empty if the user agent names neither."""
        return browsers.name(self.user_agent)

    @property
    def key(self) -> str:
        """The session's name in URLs: the beginning of the hash, from which the secret cannot be derived."""
        return self.secret_hash[:16]


class Invitation(Model):
    """A one-time link that creates an operator. `email` is None in the link for the first operator."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    email: Mapped[str | None] = mapped_column(sa.String(320))
    role: Mapped[Role] = mapped_column(Word(Role))
    invited_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]

    invited_by: Mapped[Operator | None] = relationship()


class PasswordReset(Model):
    """A one-time link that sets a new password; valid for 30 minutes."""

    __tablename__ = "password_reset"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    operator_id: Mapped[int] = mapped_column(sa.ForeignKey("operator.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    operator: Mapped[Operator] = relationship()
