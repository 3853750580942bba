"""Rules by which an email does something, and each time that one did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.audience.models import List
from campaigns.core import statuses
from campaigns.core.db import BigId, Model, Word
from campaigns.core.i18n import Sentence, _
from campaigns.inbound.models import InboundMessage, Mailbox
from campaigns.inbound.rules.matching import Condition
from campaigns.planning.models import Campaign


class Act(StrEnum):
    """What a rule does."""

    UNSUBSCRIBE = "unsubscribe"
    SUBSCRIBE = "subscribe"
    SET_FIELD = "set_field"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RUN = "run"
    CALL = "call"

    @property
    def label(self) -> Sentence:
        return _ACTS[self]


# About the sender, and so only for one whose domain has signed.
OF_THE_SENDER = (Act.UNSUBSCRIBE, Act.SUBSCRIBE, Act.SET_FIELD)
OF_CAMPAIGNS = (Act.PAUSE, Act.RESUME, Act.CANCEL)
# Outside of the database: done at most once.
OUTSIDE = (Act.RUN, Act.CALL)

_ACTS = {
    Act.UNSUBSCRIBE: _("Unsubscribe the sender"),
    Act.SUBSCRIBE: _("Subscribe the sender, who has to confirm"),
    Act.SET_FIELD: _("Set a field of the sender"),
    Act.PAUSE: _("Pause a campaign"),
    Act.RESUME: _("Resume a campaign"),
    Act.CANCEL: _("Cancel a campaign"),
    Act.RUN: _("Run a command"),
    Act.CALL: _("Call a webhook"),
}


class Proof(StrEnum):
    """Why a message is believed."""

    SIGNATURE = "signature"  # DKIM, of the domain in From
    ADDRESS = "address"  # it came to the rule's own address, which has a signed token

    @property
    def label(self) -> Sentence:
        return {
            Proof.SIGNATURE: _("Signed by the sender's domain (DKIM)"),
            Proof.ADDRESS: _("Sent to the secret address of this rule"),
        }[self]


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"  # not proven
    FAILED = "failed"

    @property
    def label(self) -> str:
        return statuses.label(self.value)


class Rule(Model):
    """Conditions that a message has to meet, all of them, and what it does then."""

    __tablename__ = "rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    # The mailbox that messages have to be read from; NULL: whichever way they came in.
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id", ondelete="RESTRICT"))
    conditions: Mapped[list[Any]] = mapped_column(sa.JSON)
    proof: Mapped[Proof] = mapped_column(Word(Proof))
    act: Mapped[Act] = mapped_column(Word(Act))
    list_id: Mapped[int | None] = mapped_column(sa.ForeignKey("list.id", ondelete="SET NULL"))
    campaign_id: Mapped[int | None] = mapped_column(sa.ForeignKey("campaign.id", ondelete="SET NULL"))
    field_key: Mapped[str] = mapped_column(sa.String(64), default="", server_default="")
    field_value: Mapped[str] = mapped_column(sa.String(200), default="", server_default="")
    command: Mapped[str] = mapped_column(sa.String(64), default="", server_default="")
    url: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]

    created_by: Mapped[Operator | None] = relationship()
    list_: Mapped[List | None] = relationship()
    campaign: Mapped[Campaign | None] = relationship()
    mailbox: Mapped[Mailbox | None] = relationship()

    @property
    def status(self) -> str:
        return "active" if self.is_active else "disabled"

    def is_about(self, message: InboundMessage) -> bool:
        """Whether the message came in where the rule looks."""
        return self.mailbox_id is None or self.mailbox_id == message.mailbox_id

    @property
    def has_address(self) -> bool:
        """Whether messages have to come to an address of its own."""
        return self.proof is Proof.ADDRESS

    @property
    def parts(self) -> list[Condition]:
        return [Condition.of(each) for each in self.conditions]


class RuleRun(Model):
    """A message that met a rule's conditions, and what came of it."""

    __tablename__ = "rule_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule_id: Mapped[int] = mapped_column(sa.ForeignKey("rule.id", ondelete="CASCADE"))
    message_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("inbound_message.id", ondelete="CASCADE"), index=True
    )
    # Of the Message-ID: a message that comes in twice does it once.
    key: Mapped[str] = mapped_column(sa.String(40))
    state: Mapped[RunState] = mapped_column(Word(RunState))
    at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default="0")
    done_at: Mapped[datetime | None]  # while it is running: when that began
    output: Mapped[str] = mapped_column(sa.Text, default="", server_default="")

    rule: Mapped[Rule] = relationship()
    message: Mapped[InboundMessage] = relationship()

    __table_args__ = (
        sa.UniqueConstraint("rule_id", "key"),
        sa.Index(
            "ix_rule_run_open",
            "id",
            postgresql_where=sa.text("state IN ('queued', 'running')"),
            sqlite_where=sa.text("state IN ('queued', 'running')"),
        ),
    )
