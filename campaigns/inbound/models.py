"""Mailboxes that are read, the messages found in them, and what each said of a recipient."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Word
from campaigns.core.i18n import Sentence, _, translate
from campaigns.inbound.troubles import said
from campaigns.inbound.verdicts.verdict import MOST_DIAGNOSTIC, Cause, Detail, Kind
from campaigns.mail.security import Security


class Protocol(StrEnum):
    IMAP = "imap"
    POP3 = "pop3"

    @property
    def label(self) -> str:
        return {Protocol.IMAP: "IMAP", Protocol.POP3: "POP3"}[self]


class Origin(StrEnum):
    """The way in by which a message came."""

    MAILBOX = "mailbox"
    INTAKE = "intake"  # handed over by SMTP or LMTP
    PRACTICE = "practice"  # sent back by the test inbox

    @property
    def label(self) -> Sentence:
        return {
            Origin.MAILBOX: _("Mailbox"),
            Origin.INTAKE: _("SMTP or LMTP"),
            Origin.PRACTICE: _("Test inbox"),
        }[self]


class Stage(StrEnum):
    """How far the handling of a message has come."""

    STORED = "stored"
    HANDLED = "handled"
    QUARANTINED = "quarantined"  # handling it failed again and again

    @property
    def label(self) -> str:
        return statuses.label(self.value)


class Effect(StrEnum):
    """What a finding led to."""

    NONE = "none"
    RECORDED = "recorded"  # unsigned, or of nobody we know: nothing was changed
    BOUNCED = "bounced"  # the delivery did; the address is kept
    SCORED = "scored"  # the same, and it counts towards suppression
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"  # suppressed, and unsubscribed from all lists
    REPLIED = "replied"
    ARRIVED = "arrived"  # a loopback test
    COMMANDED = "commanded"  # a campaign was paused, resumed or cancelled

    @property
    def label(self) -> Sentence:
        return _EFFECTS[self]


class Mailbox(Model):
    """A mailbox from which bounces, complaints and replies are read."""

    __tablename__ = "mailbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    protocol: Mapped[Protocol] = mapped_column(Word(Protocol))
    host: Mapped[str] = mapped_column(sa.String(255))
    port: Mapped[int]
    security: Mapped[Security] = mapped_column(Word(Security))
    verify_certificate: Mapped[bool] = mapped_column(default=True)
    # Certificates (PEM) to trust instead of the system's; NULL: the system's.
    authorities: Mapped[str | None] = mapped_column(sa.Text)
    username: Mapped[str] = mapped_column(sa.String(320))
    password_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    # OAuth 2 instead of a password, if there is a token URL.
    token_url: Mapped[str | None] = mapped_column(sa.String(500))
    client_id: Mapped[str | None] = mapped_column(sa.String(500))
    client_secret_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    refresh_token_sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    token_scope: Mapped[str | None] = mapped_column(sa.String(500))
    folder: Mapped[str] = mapped_column(sa.String(255), default="INBOX", server_default="INBOX")
    # Whether messages stay on the server after they were handled.
    keeps: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    # The folder to which handled messages are moved instead of being deleted (IMAP); NULL: deleted.
    done_folder: Mapped[str | None] = mapped_column(sa.String(255))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    created_at: Mapped[datetime]
    # State of reading. `uid_validity`, `last_uid`: IMAP (RFC 9051 section 2.3.1.1).
    uid_validity: Mapped[int | None] = mapped_column(sa.BigInteger)
    last_uid: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    next_at: Mapped[datetime | None]  # when it is due; NULL: now
    owner: Mapped[str | None] = mapped_column(sa.String(64))
    fence: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default="0")
    lease_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # in a row
    last_read_at: Mapped[datetime | None]
    last_error_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(sa.String(500))
    alerted_at: Mapped[datetime | None]  # until it can be read again
    # The message at which reading failed last, and how often in a row; then it is fetched in part, then left out.
    stuck_at: Mapped[str | None] = mapped_column(sa.String(100))
    stuck_times: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")

    __table_args__ = (sa.CheckConstraint("port BETWEEN 1 AND 65535", name="port"),)

    @property
    def signs_in_by_token(self) -> bool:
        return self.token_url is not None

    @property
    def error_text(self) -> str:
        """What went wrong last, as a sentence in the current language; empty when nothing did."""
        return said(self.last_error) if self.last_error else ""

    @property
    def health(self) -> str:
        """`working`, `broken` or, if it was never read, `untested`."""
        if self.failures:
            return "broken"
        return "working" if self.last_read_at else "untested"


class Seen(Model):
    """A message of a mailbox that is stored already: its UIDL (POP3) or UIDVALIDITY and UID (IMAP)."""

    __tablename__ = "seen"

    mailbox_id: Mapped[int] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    uid: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    at: Mapped[datetime]


class InboundMessage(Model):
    """A message that came back, as it was read, and what it is."""

    __tablename__ = "inbound_message"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    origin: Mapped[Origin] = mapped_column(Word(Origin))
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="SET NULL"))
    # Of the bytes: a message that is handed over twice is stored once.
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    raw: Mapped[bytes | None] = mapped_column(sa.LargeBinary, deferred=True)  # zlib; NULL: no longer kept
    size_bytes: Mapped[int]
    is_cut: Mapped[bool] = mapped_column(
        default=False, server_default=sa.false()
    )  # only its beginning is kept
    received_at: Mapped[datetime] = mapped_column(index=True)
    sender: Mapped[str] = mapped_column(sa.String(320), default="", server_default="")
    subject: Mapped[str] = mapped_column(sa.String(300), default="", server_default="")
    kind: Mapped[Kind | None] = mapped_column(Word(Kind))  # NULL: not classified yet
    action: Mapped[str] = mapped_column(sa.String(32), default="", server_default="")
    # Whether it carries a token of ours: nothing else changes any state.
    is_signed: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    stage: Mapped[Stage] = mapped_column(Word(Stage))
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    error: Mapped[str | None] = mapped_column(sa.String(500))
    handled_at: Mapped[datetime | None]

    @property
    def error_text(self) -> str:
        """Why it could not be handled, in the current language where we have the words; empty when it could."""
        return said(self.error) if self.error else ""

    @property
    def is_quarantined(self) -> bool:
        return self.stage is Stage.QUARANTINED

    @property
    def link_text(self) -> str:
        """Whether it is linked to an email of ours, in the current language."""
        if self.stage is Stage.STORED:
            return "–"
        return translate("Yes") if self.is_signed else translate("No. Nothing was changed.")

    @property
    def about(self) -> str:
        """The first address of which it says something, unless that is its sender's; empty without one."""
        first = next(iter(self._addresses), "")
        return "" if first in self.sender else first

    @property
    def more_about(self) -> int:
        """Of how many other addresses it says something."""
        return max(0, len(self._addresses) - 1)

    @property
    def _addresses(self) -> list[str]:
        return list(dict.fromkeys(each.address for each in self.findings if each.address))

    findings: Mapped[list[Finding]] = relationship(
        back_populates="message", order_by="Finding.id", cascade="all, delete-orphan", passive_deletes=True
    )
    mailbox: Mapped[Mailbox | None] = relationship()

    __table_args__ = (
        # For the list of messages: without them each page would read all, with their bytes.
        sa.Index("ix_inbound_message_kind", "kind", "id"),
        sa.Index("ix_inbound_message_is_signed", "is_signed", "id"),
        sa.Index("ix_inbound_message_stage", "stage", "id"),
    )


class Finding(Model):
    """What a message said of one recipient, and what that led to."""

    __tablename__ = "finding"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("inbound_message.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str] = mapped_column(sa.String(320), default="", server_default="")  # as reported
    reason: Mapped[Cause | None] = mapped_column(Word(Cause))
    detail: Mapped[Detail | None] = mapped_column(Word(Detail))
    is_hard: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    status: Mapped[str] = mapped_column(sa.String(11), default="", server_default="")
    diagnostic: Mapped[str] = mapped_column(sa.String(MOST_DIAGNOSTIC), default="", server_default="")
    # Found by a signed token; no foreign keys, as in the ledger.
    delivery_id: Mapped[int | None] = mapped_column(BigId, index=True)
    campaign_id: Mapped[int | None] = mapped_column(index=True)
    subscriber_id: Mapped[int | None] = mapped_column(BigId, index=True)
    effect: Mapped[Effect] = mapped_column(Word(Effect))
    overruled_at: Mapped[datetime | None]
    overruled_to: Mapped[Cause | None] = mapped_column(Word(Cause))

    message: Mapped[InboundMessage] = relationship(back_populates="findings")

    @property
    def said(self) -> str:
        """The server's words, behind their status if they don't have it."""
        return self.diagnostic if self.status in self.diagnostic else f"{self.status} {self.diagnostic}"


class SoftBounces(Model):
    """How near an address is to being suppressed for bounces that may be temporary: a score that decays."""

    __tablename__ = "soft_bounces"

    address_key: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    score: Mapped[float]
    at: Mapped[datetime]  # as of then


class Correction(Model):
    """What operators made of a text that was read wrongly: later messages with the same text are read so."""

    __tablename__ = "correction"

    # Of the text without addresses, numbers and ids.
    shape: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    sample: Mapped[str] = mapped_column(sa.String(MOST_DIAGNOSTIC))
    reason: Mapped[Cause] = mapped_column(Word(Cause))
    at: Mapped[datetime]


OF_BOUNCES = (Effect.BOUNCED, Effect.SCORED, Effect.SUPPRESSED)
_EFFECTS = {
    Effect.NONE: _("Nothing to do"),
    Effect.RECORDED: _("Recorded only: not linked to an email of ours"),
    Effect.BOUNCED: _("Marked as bounced"),
    Effect.SCORED: _("Counted as a soft bounce"),
    Effect.SUPPRESSED: _("Address suppressed"),
    Effect.UNSUBSCRIBED: statuses.label("unsubscribed"),
    Effect.COMPLAINED: _("Suppressed and unsubscribed everywhere"),
    Effect.ARRIVED: _("Loopback test arrived"),
    Effect.REPLIED: _("Counted as a reply"),
    Effect.COMMANDED: _("Command carried out"),
}
