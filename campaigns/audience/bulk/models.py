"""Changes of many people at once, and what each of them was like before."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.db import BigId, Model, Number, Word
from campaigns.core.i18n import _, _n

UNDO_FOR = timedelta(days=30)


class Kind(StrEnum):
    ADD = "add"
    UNSUBSCRIBE = "unsubscribe"
    TAG = "tag"
    UNTAG = "untag"
    FIELD = "field"
    SUPPRESS = "suppress"
    DELETE = "delete"

    @property
    def label(self) -> str:
        return {
            Kind.ADD: _("Add to list"),
            Kind.UNSUBSCRIBE: _("Unsubscribe from list"),
            Kind.TAG: _("Add tags"),
            Kind.UNTAG: _("Remove tags"),
            Kind.FIELD: _("Set field"),
            Kind.SUPPRESS: _("Suppress addresses"),
            Kind.DELETE: _("Delete people"),
        }[self]


class Stage(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    UNDOING = "undoing"
    UNDONE = "undone"


class Outcome(IntEnum):
    """Of one person."""

    WAITING = 0
    UNCHANGED = 1
    CHANGED = 2
    RESTORED = 3
    NOT_RESTORED = 4  # changed by somebody since


class BulkAct(Model):
    """One change of many people. `about`: the name of the list, tags or field then; `details`: their ids, the value.
    `position`: the id of the last person it has come to, in either direction of time.
    """

    __tablename__ = "bulk_act"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(Word(Kind))
    stage: Mapped[Stage] = mapped_column(Word(Stage))
    about: Mapped[str] = mapped_column(sa.String(200), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    people: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    done: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    restored: Mapped[int] = mapped_column(default=0)
    not_restored: Mapped[int] = mapped_column(default=0)
    operator_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    undone_at: Mapped[datetime | None]

    @property
    def is_under_way(self) -> bool:
        return self.stage in (Stage.RUNNING, Stage.UNDOING)

    @property
    def is_undone(self) -> bool:
        return self.stage is Stage.UNDONE

    @property
    def until(self) -> datetime:
        """Until when it can be undone (UTC)."""
        return self.created_at + UNDO_FOR

    @property
    def of(self) -> int:
        """How many people there are to do."""
        return self.changed if self.stage is Stage.UNDOING else self.people

    def can_be_undone(self, now: datetime) -> bool:
        """Whether the people can be put back."""
        return (
            self.stage is Stage.FINISHED
            and self.kind is not Kind.DELETE
            and self.changed > 0
            and now < self.until
        )

    @property
    def sentence(self) -> Any:
        """What it has done."""
        values = {"people": self.changed, "about": self.about}
        sentences = {
            Kind.ADD: _n(
                "%(people)d person added to %(about)s.",
                "%(people)d people added to %(about)s.",
                self.changed,
                **values,
            ),
            Kind.UNSUBSCRIBE: _n(
                "%(people)d person unsubscribed from %(about)s.",
                "%(people)d people unsubscribed from %(about)s.",
                self.changed,
                **values,
            ),
            Kind.TAG: _n(
                "%(people)d person tagged: %(about)s.",
                "%(people)d people tagged: %(about)s.",
                self.changed,
                **values,
            ),
            Kind.UNTAG: _n(
                "Tag removed from %(people)d person: %(about)s.",
                "Tag removed from %(people)d people: %(about)s.",
                self.changed,
                **values,
            ),
            Kind.FIELD: _n(
                "%(about)s set for %(people)d person.",
                "%(about)s set for %(people)d people.",
                self.changed,
                **values,
            ),
            Kind.SUPPRESS: _n(
                "%(people)d address suppressed.", "%(people)d addresses suppressed.", self.changed, **values
            ),
            Kind.DELETE: _n(
                "%(people)d person deleted.", "%(people)d people deleted.", self.changed, **values
            ),
        }
        return sentences[self.kind]


class BulkChange(Model):
    """A person of such a change. `before` is what an undo puts back; it goes with the person, and after 30 days."""

    __tablename__ = "bulk_change"

    act_id: Mapped[int] = mapped_column(sa.ForeignKey("bulk_act.id", ondelete="CASCADE"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    outcome: Mapped[Outcome] = mapped_column(Number(Outcome), default=Outcome.WAITING)
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
