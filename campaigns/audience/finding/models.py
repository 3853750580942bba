"""What is kept so that people are found and counted without reading all of them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.audience.models import Subscriber
from campaigns.core.db import BigId, Model


class AudienceCount(Model):
    """People of a list by status, kept by triggers; all people under list 0 and no status. The rows of a list are added
    up: on PostgreSQL each transaction writes its own, which the dispatcher joins.
    """

    __tablename__ = "audience_count"

    list_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    part: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    people: Mapped[int] = mapped_column(sa.BigInteger)


class BulkWrite(Model):
    """What a transaction writes many rows of, whose index and counts it keeps itself (`bulk_writes`).

    `nobody`: a person who doesn't exist, so that no transaction commits with a row.
    """

    __tablename__ = "bulk_write"

    what: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    nobody: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("subscriber.id", deferrable=True, initially="DEFERRED")
    )


# People are sorted by their last open and click; most have none.
for _column in (Subscriber.last_opened_at, Subscriber.last_clicked_at):
    sa.Index(
        f"ix_subscriber_{_column.key}",
        _column,
        Subscriber.id,
        postgresql_where=_column.is_not(None),
        sqlite_where=_column.is_not(None),
    )
