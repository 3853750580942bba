"""What operators write about a person, and what was changed about them. Both go with the person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import BigId, Model, Word


class PersonNote(Model):
    """A text by an operator. `author`: their name or address then, for who looks once they are gone."""

    __tablename__ = "person_note"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"))
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    author: Mapped[str] = mapped_column(sa.String(320))
    text: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]

    __table_args__ = (sa.Index("ix_person_note_subscriber_id", "subscriber_id", "created_at"),)

    def is_by(self, operator_id: int | None) -> bool:
        """Whether that operator wrote it."""
        return operator_id is not None and self.operator_id == operator_id


class Act(StrEnum):
    """What was done to a person, with what stands in `PersonChange.details`."""

    EDITED = "edited"  # `fields`: {key: [from, to]}; also `email`, `language`: [from, to]
    TAGGED = "tagged"  # `added`, `removed`: names of tags
    SUPPRESSED = "suppressed"  # `reason`
    UNSUPPRESSED = "unsuppressed"  # `reason`
    # `email` of the other person, `person`: their number; `consents`, `deliveries`: how many came with them.
    MERGED = "merged"
    # What happened to the other person before a merge, and can't be undone from then on.
    WAS_IMPORTED = "was_imported"  # `file`, `fields` as above
    WAS_CHANGED = "was_changed"  # with many others: `kind`, `about`


class PersonChange(Model):
    """A change of one person, with the values, which the audit log must not have."""

    __tablename__ = "person_change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    act: Mapped[Act] = mapped_column(Word(Act))
    actor: Mapped[str] = mapped_column(sa.String(320), default="")  # empty: the app itself
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (sa.Index("ix_person_change_subscriber_id", "subscriber_id", "at"),)
