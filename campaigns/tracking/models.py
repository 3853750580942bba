"""Opens, clicks and unsubscribes, each with a verdict on whether a person or a machine made it."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import BigId, Model, Number, Word
from campaigns.core.i18n import _


class Kind(IntEnum):
    OPEN = 1
    CLICK = 2
    UNSUBSCRIBE = 3

    @property
    def label(self) -> str:
        return {Kind.OPEN: _("Open"), Kind.CLICK: _("Click"), Kind.UNSUBSCRIBE: _("Unsubscribe")}[self]


class Actor(IntEnum):
    HUMAN = 1
    MACHINE = 2
    UNSURE = 3

    @property
    def label(self) -> str:
        return {Actor.HUMAN: _("Human"), Actor.MACHINE: _("Automated"), Actor.UNSURE: _("Uncertain")}[self]


class LeavingReason(StrEnum):
    """Why a person unsubscribed, if given."""

    TOO_MANY = "too_many"
    NOT_FOR_ME = "not_for_me"
    NEVER_ASKED = "never_asked"
    OTHER = "other"

    @property
    def label(self) -> str:
        return {
            LeavingReason.TOO_MANY: _("Too many emails"),
            LeavingReason.NOT_FOR_ME: _("The content isn't relevant to me"),
            LeavingReason.NEVER_ASKED: _("I never signed up"),
            LeavingReason.OTHER: _("Something else"),
        }[self]


class Event(Model):
    """One open, click or unsubscribe. The first of each kind is also in the ledger."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[Kind] = mapped_column(Number(Kind))
    at: Mapped[datetime]
    campaign_id: Mapped[int] = mapped_column(sa.ForeignKey("campaign.id", ondelete="CASCADE"))
    delivery_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("delivery.id", ondelete="CASCADE"), index=True
    )
    link_number: Mapped[int | None]
    verdict: Mapped[Actor] = mapped_column(Number(Actor))
    signals: Mapped[str] = mapped_column(sa.String(64), default="")  # rule ids, like "T3 T5"
    network: Mapped[str] = mapped_column(sa.String(45), default="")  # the IP address without its last part
    agent: Mapped[str] = mapped_column(sa.String(200), default="")
    reason: Mapped[LeavingReason | None] = mapped_column(Word(LeavingReason))  # for an unsubscribe

    __table_args__ = (sa.Index("ix_event_campaign_kind_at", "campaign_id", "kind", "at"),)
