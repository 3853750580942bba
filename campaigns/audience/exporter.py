"""People as rows of a CSV file, streamed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.columns import EXPORTED
from campaigns.audience.models import Status, Subscriber, Subscription
from campaigns.core.csvfile import guarded
from campaigns.core.db import db

CHUNK_ROWS = 1000


def rows(
    list_id: int | None = None, *, status: Status | None = None, raw: bool = False
) -> Iterator[list[str]]:
    """The headings, then one row a person: the address, the fields, and on a list status, origin and moments
    (UTC, ISO 8601). Without a list everybody, without those. Texts that a spreadsheet would take for a
    formula get an apostrophe, unless `raw`."""
    keys = [field.key for field in queries.fields()]
    yield ["email", *keys, *(EXPORTED if list_id is not None else ())]
    keep = str if raw else guarded
    last = 0
    while chunk := db.session.execute(_chunk(list_id, status, after=last)).all():
        for person, *subscription in chunk:
            known = person.fields or {}
            cells = [person.email, *(_text(known.get(key)) for key in keys), *map(_text, subscription)]
            yield [keep(cell) for cell in cells]
        last = chunk[-1][0].id
        db.session.expunge_all()


def lines(table: Iterable[list[str]]) -> Iterator[str]:
    """The rows as CSV text (RFC 4180), some at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for number, row in enumerate(table, start=1):
        writer.writerow(row)
        if number % 100 == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def rejects(import_id: int) -> Iterator[list[str]]:
    """Headings and rows of what an import did not take: line, value, the reason in words, then the row."""
    from campaigns.audience.reasons import RowReason

    owner = queries.import_(import_id)
    yield ["line", "value", "reason", *map(guarded, owner.columns)]
    for reject in db.session.scalars(queries.rejects(import_id).execution_options(yield_per=CHUNK_ROWS)):
        sentence = str(RowReason(reject.reason).label)
        yield [str(reject.line), guarded(reject.value), sentence, *map(guarded, reject.row)]


def _chunk(list_id: int | None, status: Status | None, *, after: int) -> Any:
    if list_id is None:
        return sa.select(Subscriber).where(Subscriber.id > after).order_by(Subscriber.id).limit(CHUNK_ROWS)
    statement = (
        sa.select(
            Subscriber,
            Subscription.status,
            Subscription.origin,
            Subscription.created_at,
            Subscription.changed_at,
        )
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(Subscription.list_id == list_id, Subscriber.id > after)
        .order_by(Subscriber.id)
        .limit(CHUNK_ROWS)
    )
    return statement if status is None else statement.where(Subscription.status == status)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)
