"""People as rows of a CSV file, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience import queries, search, values
from campaigns.audience.imports.files.columns import EXPORTED
from campaigns.audience.models import Subscriber, Subscription
from campaigns.audience.search import Search
from campaigns.audit import services as audit_services
from campaigns.core.csvfile import guarded
from campaigns.core.db import db

CHUNK_ROWS = 1000
EVERYBODY = Search()


def rows(wanted: Search = EVERYBODY, *, raw: bool = False) -> Iterator[list[str]]:
    """The headings, then a row for each person found: address, fields, and, if the search names a list,
    status, origin and times there (UTC, ISO 8601). Texts that a spreadsheet would take for a formula get an
    apostrophe, unless `raw`.
    """
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


def record(wanted: Search) -> None:
    """Record the export on the audit log: the number of people, not the words, maybe an address."""
    details: dict[str, Any] = {"people": search.count(wanted), "status": wanted.status or "all"}
    if wanted.text:
        details["searched"] = True
    if wanted.segment_id is not None:
        details["segment"] = wanted.segment_id
    if wanted.list_id is None:
        audit_services.record("people.exported", **details)
    else:
        audit_services.record("list.exported", queries.list_(wanted.list_id).name, **details)


def _chunk(wanted: Search, *, after: int) -> Any:
    found = search.people(wanted).where(Subscriber.id > after).order_by(None).order_by(Subscriber.id)
    if wanted.list_id is not None:
        held = aliased(Subscription)  # the search uses subscriptions of its own
        here = sa.and_(held.subscriber_id == Subscriber.id, held.list_id == wanted.list_id)
        found = found.join(held, here).add_columns(held.status, held.origin, held.created_at, held.changed_at)
    return found.limit(CHUNK_ROWS)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else values.written(value)
