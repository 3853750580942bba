"""Searches people by address, name and fields, by list, status, segment and tag; sorted by one of a fixed set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.finding import texts
from campaigns.audience.models import Status, Subscriber, Subscription, Suppression
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.segments.compiling import Where, there_is
from campaigns.audience.tags.models import PersonTag
from campaigns.core.db import db
from campaigns.core.dialect import among
from campaigns.core.paging import number_in

LONGEST_TEXT = 200
MOST_CHOSEN = 200  # people by name
SUPPRESSED = "suppressed"
STATUSES = (Status.SUBSCRIBED.value, Status.UNCONFIRMED.value, Status.UNSUBSCRIBED.value, SUPPRESSED)
# The only columns that a URL can sort by.
SORTS: Mapping[str, Any] = {
    "email": Subscriber.address,
    "added": Subscriber.id,  # in order of creation, by an existing index
    "opened": Subscriber.last_opened_at,
    "clicked": Subscriber.last_clicked_at,
}


@dataclass(frozen=True, slots=True)
class Search:
    """A search; invalid arguments in a URL mean everyone, latest first."""

    text: str = ""
    list_id: int | None = None
    status: str = ""
    segment_id: int | None = None
    tag_id: int | None = None
    ids: tuple[int, ...] = ()  # people chosen one by one
    sort: str = "added"
    descending: bool = True
    # The moment on whose day a segment is asked.
    at: datetime | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str], *, at: datetime | None = None) -> Search:
        """From the query arguments of a URL, asked at a moment."""
        sort = arguments.get("sort", "-added")
        status, key = arguments.get("status", ""), sort.removeprefix("-")
        return cls(
            text=arguments.get("q", "").replace("\0", "").strip()[:LONGEST_TEXT],
            list_id=_number(arguments.get("list", "")),
            status=status if status in STATUSES else "",
            segment_id=_number(arguments.get("segment", "")),
            tag_id=_number(arguments.get("tag", "")),
            ids=_ids(arguments.get("ids", "")),
            at=at,
            sort=key if key in SORTS else "added",
            descending=sort.startswith("-") or key not in SORTS,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether it filters at all."""
        return bool(self.text or self.list_id or self.status or self.segment_id or self.tag_id or self.ids)


def _ids(text: str) -> tuple[int, ...]:
    found = [number for each in text.split(".") if (number := number_in(each)) is not None]
    return tuple(found[:MOST_CHOSEN])


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def people(search: Search) -> sa.Select[Subscriber]:
    """The people found, in order. Raises NotFound for a segment that was deleted, Invalid for one that needs a
    correction.
    """
    column = SORTS[search.sort]
    first = column.desc() if search.descending else column.asc()
    last = Subscriber.id.desc() if search.descending else Subscriber.id
    # PostgreSQL cannot use the index of a NOT NULL column if NULLS LAST is given.
    return found(search).order_by(first.nulls_last() if column.nullable else first, last)


def found(search: Search) -> sa.Select[Subscriber]:
    """The people found, in no order; raises as `people`."""
    statement = sa.select(Subscriber)
    if search.ids:
        statement = statement.where(among(Subscriber.id, search.ids))
    if search.text:
        statement = statement.where(texts.matches(search.text))
    if search.status == SUPPRESSED:
        is_suppressed = sa.exists().where(Suppression.address_key == Subscriber.address_key)
        statement = statement.where(is_suppressed)
    if search.list_id is not None or search.status not in ("", SUPPRESSED):
        statement = statement.where(_is_on(search))
    if search.segment_id is not None:
        statement = statement.where(_is_in(search.segment_id, search.at))
    if search.tag_id is not None:
        is_tagged = there_is(PersonTag.subscriber_id == Subscriber.id, PersonTag.tag_id == search.tag_id)
        statement = statement.where(is_tagged)
    return statement


def count(search: Search) -> int:
    """Number of people found."""
    counted = found(search).with_only_columns(sa.func.count(), maintain_column_froms=True)
    return db.session.scalar(counted) or 0


def _is_in(segment_id: int, at: datetime | None) -> Where:
    if at is None:
        raise ValueError("A segment is asked on a day.")
    return segment_queries.where(segment_queries.segment(segment_id), at)


def _is_on(search: Search) -> sa.ColumnElement[bool]:
    is_on = sa.exists().where(Subscription.subscriber_id == Subscriber.id)
    if search.list_id is not None:
        is_on = is_on.where(Subscription.list_id == search.list_id)
    if search.status not in ("", SUPPRESSED):
        is_on = is_on.where(Subscription.status == Status(search.status))
    return is_on
