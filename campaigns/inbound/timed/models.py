"""Emails that an operator writes once and that go out at a time, or again and again."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.core import clock
from campaigns.core.db import Model, Word
from campaigns.inbound.timed.next_run import Rhythm, next_run


class TimedMail(Model):
    """An email to named people, and when it goes out."""

    __tablename__ = "timed_mail"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(sa.String(200))
    text: Mapped[str] = mapped_column(sa.Text)
    recipients: Mapped[list[str]] = mapped_column(sa.JSON)
    rhythm: Mapped[Rhythm] = mapped_column(Word(Rhythm))
    # Of the first run, on the wall in the time zone: YYYY-MM-DDTHH:MM.
    first: Mapped[str] = mapped_column(sa.String(16))
    time_zone: Mapped[str] = mapped_column(sa.String(64))
    is_paused: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    next_at: Mapped[datetime | None] = mapped_column(index=True)  # NULL: paused, or over
    last_at: Mapped[datetime | None]
    runs: Mapped[int] = mapped_column(default=0, server_default="0")
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]

    created_by: Mapped[Operator | None] = relationship()

    @property
    def status(self) -> str:
        """`paused`, `scheduled` or, when no run is left, `finished`."""
        if self.is_paused:
            return "paused"
        return "finished" if self.next_at is None else "scheduled"

    @property
    def is_scheduled(self) -> bool:
        return self.status == "scheduled"

    def next_after(self, moment: datetime) -> datetime | None:
        """Its first run after that moment."""
        zone = clock.zone(self.time_zone)
        return next_run(datetime.fromisoformat(self.first), self.rhythm, zone, after=moment)
