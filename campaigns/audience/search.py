"""Searches people by address, name and fields, by list and status; sorted by one of a fixed set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.models import FieldKind, Status, Subscriber, Subscription, Suppression
from campaigns.core.db import db
from campaigns.core.dialect import json_text

LONGEST_TEXT = 200
MOST_FIELDS_SEARCHED = 20
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
    sort: str = "added"
    descending: bool = True

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> Search:
        """From the query arguments of a URL."""
        list_id, sort = arguments.get("list", ""), arguments.get("sort", "-added")
        status, key = arguments.get("status", ""), sort.removeprefix("-")
        return cls(
            text=arguments.get("q", "").replace("\0", "").strip()[:LONGEST_TEXT],
            list_id=int(list_id) if list_id.isascii() and list_id.isdigit() and len(list_id) < 10 else None,
            status=status if status in STATUSES else "",
            sort=key if key in SORTS else "added",
            descending=sort.startswith("-") or key not in SORTS,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether it filters at all."""
        return bool(self.text or self.list_id or self.status)


def people(search: Search) -> sa.Select[Subscriber]:
    """The people found."""
    statement = sa.select(Subscriber)
    if search.text:
        statement = statement.where(_matches(search.text))
    if search.status == SUPPRESSED:
        is_suppressed = sa.exists().where(Suppression.address_key == Subscriber.address_key)
        statement = statement.where(is_suppressed)
    if search.list_id is not None or search.status not in ("", SUPPRESSED):
        statement = statement.where(_is_on(search))
    column = SORTS[search.sort]
    first = column.desc() if search.descending else column.asc()
    last = Subscriber.id.desc() if search.descending else Subscriber.id
    # PostgreSQL cannot use the index of a NOT NULL column if NULLS LAST is given.
    return statement.order_by(first.nulls_last() if column.nullable else first, last)


def count(search: Search) -> int:
    """Number of people found."""
    found = people(search).order_by(None).with_only_columns(sa.func.count(), maintain_column_froms=True)
    return db.session.scalar(found) or 0


def _matches(text: str) -> sa.ColumnElement[bool]:
    """Every word occurs in the address or in a text field."""
    keys = [each.key for each in queries.fields() if each.kind is FieldKind.TEXT][:MOST_FIELDS_SEARCHED]
    places = [Subscriber.email, *(json_text(Subscriber.fields, key) for key in keys)]
    words = [sa.or_(*(place.icontains(word, autoescape=True) for place in places)) for word in text.split()]
    return sa.and_(*words)


def _is_on(search: Search) -> sa.ColumnElement[bool]:
    is_on = sa.exists().where(Subscription.subscriber_id == Subscriber.id)
    if search.list_id is not None:
        is_on = is_on.where(Subscription.list_id == search.list_id)
    if search.status not in ("", SUPPRESSED):
        is_on = is_on.where(Subscription.status == Status(search.status))
    return is_on
