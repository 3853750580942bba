"""Pages of people that begin behind the last person shown: a deep page costs no more than the first.

A search is narrowed by its smallest part (a list, a tag, words), if that has at most ten thousand people: then they are
looked up one by one and counted. Otherwise people are read in their order until a page is full, and counted only as far
as that is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience import search
from campaigns.audience.finding import sizes, texts
from campaigns.audience.models import List, Status, Subscriber, Subscription, Suppression
from campaigns.audience.search import SORTS, SUPPRESSED, Search
from campaigns.audience.tags.models import PersonTag
from campaigns.core.db import db
from campaigns.core.dialect import among
from campaigns.core.paging import PAGE_SIZE, number_in
from campaigns.core.time_limit import TookTooLong, time_limit

MOST_COUNTED = 10_000
COUNT_WITHIN_S = 0.04


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page begins: behind a person, or before one, whoever that is; at the first without either."""

    after: int | None = None
    before: int | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> Start:
        """From the query arguments of a URL."""
        return cls(number_in(arguments.get("after")), number_in(arguments.get("before")))


@dataclass(frozen=True, slots=True)
class Count:
    """How many people are found: exactly, at least that many, or (None) nobody has counted."""

    number: int | None
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class PeoplePage:
    items: Sequence[Subscriber]
    count: Count
    has_previous: bool
    has_next: bool

    @property
    def previous(self) -> int | None:
        """The person before whom the previous page ends."""
        return self.items[0].id if self.items and self.has_previous else None

    @property
    def next(self) -> int | None:
        """The person behind whom the next page begins."""
        return self.items[-1].id if self.items and self.has_next else None

    @property
    def is_whole(self) -> bool:
        """Whether everybody found is on this page."""
        return not (self.has_previous or self.has_next)


def page(wanted: Search, start: Start, *, size: int = PAGE_SIZE) -> PeoplePage:
    """The page of a search that begins there. Raises NotFound and Invalid as `search.people`."""
    few = narrowed(wanted)
    found = search.found(wanted) if few is None else search.found(wanted).where(among(Subscriber.id, few))
    place = Place.of(wanted, start)
    rows = _rows(found, wanted, place, most=size + 1)
    if not rows and place.key is not None:  # whoever was there is gone
        place = Place(None, backwards=False)
        rows = _rows(found, wanted, place, most=size + 1)
    is_more, rows = len(rows) > size, rows[:size]
    return PeoplePage(
        items=rows[::-1] if place.backwards else rows,
        count=_count(wanted, found, few),
        has_previous=is_more if place.backwards else place.key is not None,
        has_next=place.backwards or is_more,
    )


def neighbours(wanted: Search, person: Subscriber) -> tuple[int | None, int | None]:
    """Who stands before and behind a person in a search."""
    few = narrowed(wanted)
    found = search.found(wanted) if few is None else search.found(wanted).where(among(Subscriber.id, few))
    starts = (Start(before=person.id), Start(after=person.id))
    either = [_rows(found, wanted, Place.of(wanted, each), most=1) for each in starts]
    return either[0][0].id if either[0] else None, either[1][0].id if either[1] else None


def first(wanted: Search, *, most: int) -> Sequence[Subscriber]:
    """The first people of a search."""
    few = narrowed(wanted)
    found = search.found(wanted) if few is None else search.found(wanted).where(among(Subscriber.id, few))
    return _rows(found, wanted, Place(None, backwards=False), most=most)


def narrowed(wanted: Search) -> list[int] | None:
    """At most ten thousand people among whom everybody found is; None if no part of the search is so small."""
    parts = [each for each in (_of_tag(wanted), _of_lists(wanted), _of_words(wanted)) if each is not None]
    if not parts:
        return None
    return sorted(set(parts[0]).intersection(*parts[1:]))


def _of_words(wanted: Search) -> list[int] | None:
    return texts.candidates(wanted.text, most=MOST_COUNTED) if wanted.text else None


def _of_tag(wanted: Search) -> list[int] | None:
    if wanted.tag_id is None:
        return None
    return _few(sa.select(PersonTag.subscriber_id).where(PersonTag.tag_id == wanted.tag_id))


def _of_lists(wanted: Search) -> list[int] | None:
    if wanted.status == SUPPRESSED:
        if _few(sa.select(Suppression.id)) is None:
            return None
        return _few(
            sa.select(Subscriber.id).join(Suppression, Suppression.address_key == Subscriber.address_key)
        )
    status = Status(wanted.status) if wanted.status else None
    held = sa.select(Subscription.subscriber_id)
    if status is not None:
        held = held.where(Subscription.status == status)
    if wanted.list_id is not None:
        if sizes.on_list(wanted.list_id, status) > MOST_COUNTED:
            return None
        return _few(held.where(Subscription.list_id == wanted.list_id))
    if status is None:
        return None
    lists = db.session.scalars(sa.select(List.id)).all()
    # Named one by one, for the index begins with the list.
    return _few(held.where(Subscription.list_id.in_(lists)))


def _few(statement: sa.Select[Any]) -> list[int] | None:
    found = list(db.session.scalars(statement.limit(MOST_COUNTED + 1)))
    return None if len(found) > MOST_COUNTED else found


def _count(wanted: Search, found: sa.Select[Any], few: list[int] | None) -> Count:
    if (kept := _kept_count(wanted)) is not None:
        return Count(kept)
    some = (
        found.with_only_columns(sa.literal(1), maintain_column_froms=True).limit(MOST_COUNTED + 1).subquery()
    )
    counting = sa.select(sa.func.count()).select_from(some)
    if few is not None:
        return Count(db.session.scalar(counting) or 0)
    try:
        with time_limit(COUNT_WITHIN_S):
            number = db.session.scalar(counting) or 0
    except TookTooLong:
        return Count(None, is_exact=False)
    return Count(min(number, MOST_COUNTED), is_exact=number <= MOST_COUNTED)


def _kept_count(wanted: Search) -> int | None:
    """How many there are, if triggers count just these."""
    if wanted.text or wanted.segment_id or wanted.tag_id or wanted.ids or wanted.status == SUPPRESSED:
        return None
    if wanted.list_id is not None:
        return sizes.on_list(wanted.list_id, Status(wanted.status) if wanted.status else None)
    return None if wanted.status else sizes.everybody()


# -- in order


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an order: the value and id of the person beyond whom to read; None for the beginning."""

    key: tuple[Any, ...] | None
    backwards: bool

    @classmethod
    def of(cls, wanted: Search, start: Start) -> Place:
        """Where a page begins; at the beginning if that person is gone."""
        column, backwards = SORTS[wanted.sort], start.before is not None and start.after is None
        person = start.before if backwards else start.after
        if person is None:
            return cls(None, backwards=False)
        if column is Subscriber.id:
            return cls((person, person), backwards)
        where = sa.select(column, Subscriber.id).where(Subscriber.id == person)
        found = db.session.execute(where).one_or_none()
        return cls(tuple(found), backwards) if found else cls(None, backwards=False)


def _rows(found: sa.Select[Any], wanted: Search, place: Place, *, most: int) -> Sequence[Subscriber]:
    """People in the order of the search, or backwards, from beyond a place."""
    column, key, backwards = SORTS[wanted.sort], place.key, place.backwards
    ascending = wanted.descending == backwards
    if not column.nullable:
        return _part(found, [column, Subscriber.id], key, ascending=ascending, most=most)
    # Who has no value stands last in each order, so the order has two parts.
    valued, unvalued = found.where(column.is_not(None)), found.where(column.is_(None))
    parts = [(valued, [column, Subscriber.id]), (unvalued, [Subscriber.id])]
    if key is not None:
        is_unvalued = key[0] is None
        here = parts[1] if is_unvalued else parts[0]
        beyond = [parts[0]] if is_unvalued and backwards else [] if is_unvalued or backwards else [parts[1]]
        rows = list(_part(*here, key[1:] if is_unvalued else key, ascending=ascending, most=most))
    else:
        rows, beyond = [], parts
    for each in beyond:
        if len(rows) < most:
            rows += _part(*each, None, ascending=ascending, most=most - len(rows))
    return rows


def _part(
    found: sa.Select[Any], columns: Sequence[Any], key: tuple[Any, ...] | None, *, ascending: bool, most: int
) -> Sequence[Subscriber]:
    if len(columns) > 1 and columns[0] is columns[1]:
        columns, key = columns[1:], key and key[1:]
    if key is not None:
        here = sa.tuple_(*columns)
        there = sa.tuple_(*(sa.literal(value, each.type) for value, each in zip(key, columns, strict=True)))
        found = found.where(here > there if ascending else here < there)
    order = [each.asc() if ascending else each.desc() for each in columns]
    return db.session.scalars(found.order_by(*order).limit(most)).all()
