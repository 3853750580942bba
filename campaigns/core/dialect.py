"""Expressions that differ between SQLite and PostgreSQL.

`with_for_update` needs no branch: SQLite has one writer, and SQLAlchemy omits it there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from campaigns.core.db import db


def is_sqlite() -> bool:
    """Whether this app's database is SQLite."""
    return db.engine.dialect.name == "sqlite"


def insert(table: Any) -> Any:
    """The dialect's INSERT, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if is_sqlite() else postgresql.insert(table)


def begins_with(column: Any, text: str) -> sa.ColumnElement[bool]:
    """Whether a text column begins with this text; case matters.

    SQLite compares bytes, so a range can use the index. PostgreSQL's collations may ignore punctuation, so that a
    range would contain other texts and miss some.
    """
    if is_sqlite():
        return sa.and_(column >= text, column < text + "\U0010ffff")
    return column.startswith(text, autoescape=True)


def domain_of(address: Any) -> sa.ColumnElement[str]:
    """The part after the @ of a column with normalised addresses."""
    if is_sqlite():
        return sa.func.substr(address, sa.func.instr(address, "@") + 1, type_=sa.String())
    return sa.func.split_part(address, "@", 2, type_=sa.String())


def json_text(column: Any, key: str) -> sa.ColumnElement[str]:
    """A field of a JSON column, as text."""
    return column[key].as_string()


def one_of(connection: sa.Connection, column: Any, names: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a text column is one of these names, passed as one parameter: there may be thousands."""
    if connection.dialect.name == "postgresql":
        found: sa.ColumnElement[bool] = column == sa.any_(sa.literal(list(names), sa.ARRAY(sa.String)))
        return found
    each = sa.func.json_each(json.dumps(list(names))).table_valued("value")
    return sa.and_(column.in_(sa.select(each.c.value)))


def minute_of(column: Any) -> Any:
    """The minute of a datetime column, cheap for a million rows; `read_minute` converts its result."""
    if is_sqlite():
        return sa.func.substr(sa.type_coerce(column, sa.String), 1, 16)
    return sa.func.date_trunc("minute", column)


def read_minute(found: Any) -> datetime:
    """A result of `minute_of` as an aware datetime in UTC."""
    return datetime.fromisoformat(found).replace(tzinfo=UTC) if isinstance(found, str) else found
