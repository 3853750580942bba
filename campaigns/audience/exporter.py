"""People as rows of a CSV file, streamed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience import queries, search
from campaigns.audience.columns import EXPORTED
from campaigns.audience.models import Subscriber, Subscription
from campaigns.audience.search import Search
from campaigns.core.csvfile import guarded
from campaigns.core.db import db

CHUNK_ROWS = 1000
EVERYBODY = Search()


def rows(wanted: Search = EVERYBODY, *, raw: bool = False) -> Iterator[list[str]]:
    """The headings, then one row for each person the search finds: the address, the fields, and where it names
    a list status, origin and moments there (UTC, ISO 8601). Texts that a spreadsheet would take for a formula
    get an apostrophe, unless `raw`."""
    keys = [field.key for field in queries.fields()]
    yield ["email", *keys, *(EXPORTED if wanted.list_id is not None else ())]
    keep = str if raw else guarded
    last = 0
    while chunk := db.session.execute(_chunk(wanted, after=last)).all():
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


def _chunk(wanted: Search, *, after: int) -> Any:
    found = search.people(wanted).where(Subscriber.id > after).order_by(None).order_by(Subscriber.id)
    if wanted.list_id is not None:
        held = aliased(Subscription)  # the search asks for subscriptions of its own
        here = sa.and_(held.subscriber_id == Subscriber.id, held.list_id == wanted.list_id)
        found = found.join(held, here).add_columns(held.status, held.origin, held.created_at, held.changed_at)
    return found.limit(CHUNK_ROWS)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)
