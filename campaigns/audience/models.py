"""Lists, subscribers and what is known about them, and suppressed addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Word
from campaigns.core.i18n import _


class OptIn(StrEnum):
    SINGLE = "single"
    DOUBLE = "double"

    @property
    def label(self) -> str:
        return _("Double opt-in") if self is OptIn.DOUBLE else _("Single opt-in")


class Status(StrEnum):
    """Of a person on a list."""

    UNCONFIRMED = "unconfirmed"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"

    @property
    def label(self) -> str:
        return statuses.label(self.value)


class Origin(StrEnum):
    """How a subscription was created or last changed."""

    FORM = "form"
    IMPORT = "import"
    OPERATOR = "operator"
    COMMAND = "command"
    API = "api"
    ONE_CLICK = "one_click"
    PAGE = "page"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    EMAIL = "email"

    @property
    def label(self) -> str:
        return {
            Origin.FORM: _("sign-up page"),
            Origin.IMPORT: _("import"),
            Origin.OPERATOR: _("a team member"),
            Origin.COMMAND: _("a command"),
            Origin.API: _("the API"),
            Origin.ONE_CLICK: _("one-click unsubscribe in the email client"),
            Origin.PAGE: _("the unsubscribe or preferences page"),
            Origin.BOUNCE: _("a bounce"),
            Origin.COMPLAINT: _("a complaint"),
            Origin.EMAIL: _("an unsubscribe request by email"),
        }[self]


BY_OPERATORS = (Origin.OPERATOR, Origin.COMMAND)  # not at the person's own request


class SuppressionReason(StrEnum):
    OPERATOR = "operator"
    HARD_BOUNCE = "hard_bounce"
    UNREACHABLE = "unreachable"  # messages to it failed in several campaigns in a row
    COMPLAINT = "complaint"
    UNSUBSCRIBED = "unsubscribed"  # from all campaigns
    ERASED = "erased"

    @property
    def label(self) -> str:
        return {
            SuppressionReason.OPERATOR: _("Suppressed manually"),
            SuppressionReason.HARD_BOUNCE: _("The address does not exist"),
            SuppressionReason.UNREACHABLE: _("Unreachable several times in a row"),
            SuppressionReason.COMPLAINT: _("Marked an email as spam"),
            SuppressionReason.UNSUBSCRIBED: _("Unsubscribed from everything"),
            SuppressionReason.ERASED: _("Erased on request"),
        }[self]


class FieldKind(StrEnum):
    """What values a field holds, and as what they are stored: text, number, YYYY-MM-DD, true or false, one of the
    field's options, a list of its options, a URL.
    """

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    CHOICE = "choice"
    CHOICES = "choices"
    URL = "url"

    @property
    def label(self) -> str:
        return {
            FieldKind.TEXT: _("Text"),
            FieldKind.NUMBER: _("Number"),
            FieldKind.DATE: _("Date"),
            FieldKind.YES_NO: _("Yes or no"),
            FieldKind.CHOICE: _("One of several options"),
            FieldKind.CHOICES: _("Several options"),
            FieldKind.URL: _("Web address"),
        }[self]

    @property
    def has_options(self) -> bool:
        """Whether its values are among a field's options."""
        return self in (FieldKind.CHOICE, FieldKind.CHOICES)


class List(Model):
    """A list that people subscribe to."""

    __tablename__ = "list"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    description: Mapped[str] = mapped_column(sa.String(500), default="")
    opt_in: Mapped[OptIn] = mapped_column(Word(OptIn), default=OptIn.SINGLE)
    # Used in the public sign-up URL and in List-Id; random, so that lists cannot be counted.
    public_id: Mapped[str] = mapped_column(sa.String(16), unique=True)
    is_public: Mapped[bool] = mapped_column(default=False)
    # Whether anybody may read what is sent to it, and whether search engines may list that.
    has_archive: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    archive_is_indexed: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    language: Mapped[str] = mapped_column(sa.String(8), default="en")
    sender_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sender.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    # Since when it isn't offered for new campaigns, imports and sign-ups; None while it is.
    archived_at: Mapped[datetime | None]

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None


def name_of(fields: Mapping[str, Any] | None) -> str:
    """The name in the fields of a person; empty for none."""
    known = fields or {}
    given = known.get("name") or f"{known.get('first_name') or ''} {known.get('last_name') or ''}"
    return str(given).strip()


class Subscriber(Model):
    """A person with one address. `address`: its normalised form, unique."""

    __tablename__ = "subscriber"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(320))
    address: Mapped[str] = mapped_column(sa.String(320), unique=True)
    # Keyed hash of `address`: used by suppressions and the ledger, so both survive an erasure.
    address_key: Mapped[str] = mapped_column(sa.String(32), unique=True)
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    language: Mapped[str | None] = mapped_column(sa.String(8))
    time_zone: Mapped[str | None] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_opened_at: Mapped[datetime | None]
    last_clicked_at: Mapped[datetime | None]

    # Ids are never reused: the ledger keeps those of erased people, without a foreign key.
    __table_args__ = ({"sqlite_autoincrement": True},)

    subscriptions: Mapped[list[Subscription]] = relationship(
        back_populates="subscriber", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def name(self) -> str:
        """The name to address the person with; empty if unknown."""
        return name_of(self.fields)

    @property
    def display_name(self) -> str:
        return self.name or self.email


class Subscription(Model):
    """A person on a list: the status, since when, and how it was created."""

    __tablename__ = "subscription"

    list_id: Mapped[int] = mapped_column(sa.ForeignKey("list.id", ondelete="CASCADE"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True
    )
    status: Mapped[Status] = mapped_column(Word(Status))
    origin: Mapped[Origin] = mapped_column(Word(Origin))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]

    list: Mapped[List] = relationship()
    subscriber: Mapped[Subscriber] = relationship(back_populates="subscriptions")

    __table_args__ = (
        sa.Index("ix_subscription_subscriber_id", "subscriber_id"),
        sa.Index("ix_subscription_list_status", "list_id", "status"),
    )

    @property
    def is_unconfirmed(self) -> bool:
        return self.status is Status.UNCONFIRMED

    @property
    def is_subscribed(self) -> bool:
        return self.status is Status.SUBSCRIBED

    @property
    def is_unsubscribed(self) -> bool:
        return self.status is Status.UNSUBSCRIBED


class Field(Model):
    """A custom field; its key is the merge tag."""

    __tablename__ = "field"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    label: Mapped[str] = mapped_column(sa.String(100))
    kind: Mapped[FieldKind] = mapped_column(Word(FieldKind), default=FieldKind.TEXT)
    # What can be chosen, in the operators' order; empty for other kinds.
    options: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    position: Mapped[int] = mapped_column(default=0)

    @property
    def option_names(self) -> str:
        return ", ".join(self.options or ())

    @property
    def merge_tag(self) -> str:
        """What stands for a person's value in a campaign."""
        return f"{{{{ {self.key} }}}}"


_CONSENT_LABELS = {
    "signed_up": _("Signed up"),
    "confirmed": _("Confirmed"),
    "imported": _("Imported"),
    "import_undone": _("Import undone"),
    "added": _("Added"),
    "unsubscribed": statuses.label("unsubscribed"),
    "resubscribed": _("Resubscribed"),
}


class Consent(Model):
    """Proof, append-only: what a person was shown and did, when and from where."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"), index=True
    )
    list_id: Mapped[int | None] = mapped_column(sa.ForeignKey("list.id", ondelete="SET NULL"))
    at: Mapped[datetime]
    act: Mapped[str] = mapped_column(
        sa.String(32)
    )  # signed_up, confirmed, imported, import_undone, added, unsubscribed, resubscribed
    origin: Mapped[Origin] = mapped_column(Word(Origin))
    wording: Mapped[str] = mapped_column(sa.Text, default="")
    ip: Mapped[str] = mapped_column(sa.String(45), default="")
    user_agent: Mapped[str] = mapped_column(sa.String(300), default="")
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    import_id: Mapped[int | None] = mapped_column(sa.ForeignKey("import.id", ondelete="SET NULL"))

    list: Mapped[List | None] = relationship()

    @property
    def label(self) -> str:
        """What was done, in a word."""
        return _CONSENT_LABELS.get(self.act, self.act)


class Confirmation(Model):
    """A double opt-in that is not confirmed yet; also limits how often an address is asked."""

    __tablename__ = "confirmation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    list_id: Mapped[int] = mapped_column(sa.ForeignKey("list.id", ondelete="CASCADE"))
    subscriber_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    list: Mapped[List] = relationship()
    subscriber: Mapped[Subscriber] = relationship()


class Suppression(Model):
    """An address that gets no campaign. Identified by its key, so it survives an erasure."""

    __tablename__ = "suppression"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    address_key: Mapped[str] = mapped_column(sa.String(32), unique=True)
    email: Mapped[str | None] = mapped_column(sa.String(320))
    reason: Mapped[SuppressionReason] = mapped_column(Word(SuppressionReason))
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    # The campaign of the bounce; no foreign key: sent campaigns are never deleted, and `planning` is above
    # this.
    campaign_id: Mapped[int | None] = mapped_column(index=True)
    # The import whose file said so; no foreign key: undoing that import looks for it, and nothing else does.
    import_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime]
