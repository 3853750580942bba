"""Loopback tests: what was sent, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core import clock
from campaigns.core.db import Json, Model
from campaigns.settings.models import Server

LATE_AFTER = timedelta(minutes=15)


class LoopbackTest(Model):
    """An email that was sent to ourselves through a server."""

    __tablename__ = "loopback_test"

    id: Mapped[int] = mapped_column(primary_key=True)
    server_id: Mapped[int | None] = mapped_column(sa.ForeignKey("server.id", ondelete="SET NULL"))
    sender: Mapped[str] = mapped_column(sa.String(320))
    address: Mapped[str] = mapped_column(sa.String(320))  # with a token of ours in it
    sent_at: Mapped[datetime]
    # What the server said to it, or why it was not sent.
    reply: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    is_accepted: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    arrived_at: Mapped[datetime | None]
    trace: Mapped[dict[str, Any] | None] = mapped_column(Json)  # as `trace.Trace.stored` has it

    server: Mapped[Server | None] = relationship()

    @property
    def is_refused(self) -> bool:
        return self.status == "not_accepted"

    @property
    def is_late(self) -> bool:
        return self.status == "late"

    @property
    def is_under_way(self) -> bool:
        return self.status == "under_way"

    @property
    def status(self) -> str:
        """`arrived`, `failed`, `late` or `under_way`."""
        if self.arrived_at is not None:
            return "arrived"
        if not self.is_accepted:
            return "not_accepted"
        return "late" if clock.now() - self.sent_at > LATE_AFTER else "under_way"
