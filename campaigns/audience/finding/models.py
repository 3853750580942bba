"""What is kept so that people are found and counted without reading all of them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.audience.models import Subscriber
from campaigns.core.db import Model


class AudienceCount(Model):
    """People of a list by status, kept by triggers; all people under list 0 and no status. The rows of a list are added
    up: on PostgreSQL each transaction writes its own, which the dispatcher joins.
    """

    __tablename__ = "audience_count"

    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    part: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    people: Mapped[int] = mapped_column(sa.BigInteger)


# People are sorted by their last open and click; most have none.
for _column in (Subscriber.last_opened_at, Subscriber.last_clicked_at):
    sa.Index(
        f"ix_subscriber_{_column.key}",
        _column,
        Subscriber.id,
        postgresql_where=_column.is_not(None),
        sqlite_where=_column.is_not(None),
    )
