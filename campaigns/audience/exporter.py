"""People as the lines of a file, streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience import queries, search
from campaigns.audience.exporting.columns import TAGS, Column, text, usual
from campaigns.audience.exporting.models import Format
from campaigns.audience.models import Subscriber, Subscription
from campaigns.audience.search import Search
from campaigns.audience.tags import queries as tag_queries
from campaigns.audit import services as audit_services
from campaigns.core.csvfile import guarded
from campaigns.core.csvfile import lines as csv_lines
from campaigns.core.db import db

CHUNK_ROWS = 1000
MARK = "\ufeff"
EVERYBODY = Search()


@dataclass(frozen=True, slots=True)
class Found:
    """A person of an export, with the subscription to the list of the search and the names of the tags."""

    person: Subscriber
    held: Subscription | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """How people become text: the columns and the format. Texts that a spreadsheet would take for a formula get an
    apostrophe in a CSV file, unless `is_raw`.
    """

    columns: Sequence[Column]
    format: Format = Format.CSV
    is_raw: bool = False

    @property
    def has_tags(self) -> bool:
        return any(each.name == TAGS for each in self.columns)

    def beginning(self) -> str:
        """What stands before the people: of a CSV file a byte order mark, so that Excel reads UTF-8, and headings."""
        return MARK + self._csv([self.headings()]) if self.format is Format.CSV else ""

    def headings(self) -> list[str]:
        return [each.heading for each in self.columns]

    def lines(self, found: Iterable[Found]) -> str:
        """These people as complete lines."""
        if self.format is Format.CSV:
            return self._csv(map(self.row, found))
        return "".join(f"{json.dumps(self._object(each), ensure_ascii=False)}\n" for each in found)

    def row(self, found: Found) -> list[str]:
        """A person's cells."""
        keep = str if self.is_raw else guarded
        return [keep(text(each.value(found.person, found.held, found.tags))) for each in self.columns]

    def _csv(self, rows: Iterable[list[str]]) -> str:
        return "".join(csv_lines(rows))

    def _object(self, found: Found) -> dict[str, Any]:
        """A person as an object; the fields in one of their own, because their keys can be other columns' names."""
        made: dict[str, Any] = {}
        for each in self.columns:
            value = each.value(found.person, found.held, found.tags)
            value = text(value) if hasattr(value, "isoformat") else value
            (made if each.field_key is None else made.setdefault("fields", {}))[each.heading] = value
        return made


def rows(wanted: Search = EVERYBODY, *, raw: bool = False) -> Iterator[list[str]]:
    """The headings, then a row for each person found: address, fields, and, if the search names a list,
    status, origin and times there (UTC, ISO 8601).
    """
    form = Form(usual(of_list=wanted.list_id is not None), is_raw=raw)
    yield form.headings()
    for found in chunks(wanted):
        yield from map(form.row, found)


def stream(wanted: Search, form: Form) -> Iterator[str]:
    """A whole export as text, piece by piece."""
    yield form.beginning()
    for found in chunks(wanted, with_tags=form.has_tags):
        yield form.lines(found)


def chunks(wanted: Search, *, with_tags: bool = False) -> Iterator[list[Found]]:
    """Everyone found, by id, a thousand at a time."""
    last = 0
    while found := chunk(wanted, after=last, with_tags=with_tags):
        yield found
        last = found[-1].person.id
        db.session.expunge_all()


def chunk(wanted: Search, *, after: int, with_tags: bool = False) -> list[Found]:
    """The next thousand people after this id."""
    of_list = wanted.list_id is not None
    taken = [
        Found(row[0], row[1] if of_list else None) for row in db.session.execute(_chunk(wanted, after=after))
    ]
    if not with_tags:
        return taken
    tags = tag_queries.of_people([each.person.id for each in taken])
    return [replace(each, tags=[tag.name for tag in tags[each.person.id]]) for each in taken]


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
        found = found.join(held, here).add_columns(held)
    return found.limit(CHUNK_ROWS)
