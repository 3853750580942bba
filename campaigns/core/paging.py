"""Pages of rows, with the numbers that a pager shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from campaigns.core.db import db

T = TypeVar("T")
PAGE_SIZE = 50
LAST_PAGE = 1_000_000
MOST_DIGITS = 18  # of a number in a URL: int() refuses thousands of digits, and databases more than 63 bits


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """Position of the page's first row among all rows, from 1; 0 if there are none."""
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.items)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None


def page_number(text: str | None) -> int:
    """The page number in a URL; 1 for anything invalid."""
    return max(1, min(number_in(text) or 1, LAST_PAGE))


def number_in(text: str | None) -> int | None:
    """The row id in a URL; None for anything invalid or too large."""
    if text and text.isascii() and text.isdigit():
        return int(text[-MOST_DIGITS:]) if len(text.lstrip("0")) <= MOST_DIGITS else 10**MOST_DIGITS
    return None


def paginate(
    statement: sa.Select[Any], *, number: int, size: int = PAGE_SIZE, scalars: bool = True
) -> Page[Any]:
    """A page of the statement's rows (entities, or whole rows with scalars=False) and the total."""
    total = db.session.scalar(_counting(statement)) or 0
    number = min(number, max(1, -(-total // size)))
    rows = db.session.execute(statement.limit(size).offset((number - 1) * size))
    items = rows.scalars().all() if scalars else rows.all()
    return Page(items=items, number=number, size=size, total=total)


def _counting(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Counts the statement's rows, without its columns, so that the database need not read them."""
    whole = statement.order_by(None)
    if whole._distinct or whole._group_by_clauses:
        return sa.select(sa.func.count()).select_from(whole.subquery())
    return whole.with_only_columns(sa.func.count(), maintain_column_froms=True)
