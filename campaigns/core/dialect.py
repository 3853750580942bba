"""Expressions that differ between SQLite and PostgreSQL.

`with_for_update` needs no branch: SQLite has one writer, and SQLAlchemy omits it there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
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


def json_number(column: Any, key: str) -> Any:
    """A field of a JSON column as a number; NULL for anything else that it holds. Compare it with `number`."""
    if is_sqlite():
        path = json_path(key)
        is_number: Any = sa.func.json_type(column, path).in_(("integer", "real"))
        value: Any = sa.func.json_extract(column, path, type_=sa.Numeric())
    else:
        one = sa.type_coerce(column, postgresql.JSONB)[key]
        is_number, value = sa.func.jsonb_typeof(one) == "number", sa.cast(one, sa.Numeric())
    return sa.case((is_number, value), else_=None)


def number(value: int | float) -> Any:
    """A number as `json_number` compares it: SQLite has floats, PostgreSQL's JSON has decimal numbers."""
    if is_sqlite():
        return sa.literal(float(value), sa.Float())
    return sa.literal(Decimal(repr(value)), sa.Numeric())


def json_list_has(column: Any, key: str, value: str) -> sa.ColumnElement[bool]:
    """Whether a list in a JSON column has this text; never NULL."""
    if is_sqlite():
        items = sa.func.json_each(column, json_path(key)).table_valued("value")
        return sa.exists(sa.select(sa.literal(1)).select_from(items).where(items.c.value == value))
    one: Any = sa.type_coerce(column, postgresql.JSONB)[key]
    return sa.func.coalesce(sa.type_coerce(one, postgresql.JSONB).has_key(value), sa.false())


def json_path(key: str) -> str:
    """A field in SQLite's notation."""
    return f'$."{key}"'


def by_characters(text: Any) -> Any:
    """Text compared by its characters, whatever the database's language."""
    return text if is_sqlite() else text.collate("C")


def lowered(text: Any, wanted: str) -> Any:
    """Text in lower case, to be compared with `wanted.lower()`. SQLite's own `lower` knows ASCII alone, which is enough
    for a text in ASCII and much faster.
    """
    if is_sqlite() and not wanted.isascii():
        return sa.func.unicode_lower(text, type_=sa.String())
    return sa.func.lower(text, type_=sa.String())


def one_of(connection: sa.Connection, column: Any, names: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether a text column is one of these names, passed as one parameter: there may be thousands."""
    if connection.dialect.name == "postgresql":
        found: sa.ColumnElement[bool] = column == sa.any_(sa.literal(list(names), sa.ARRAY(sa.String)))
        return found
    each = sa.func.json_each(json.dumps(list(names))).table_valued("value")
    return sa.and_(column.in_(sa.select(each.c.value)))


def among(column: Any, ids: Iterable[int]) -> sa.ColumnElement[bool]:
    """Whether a column of ids is one of these, passed as one parameter: there may be thousands."""
    if is_sqlite():
        each = sa.func.json_each(json.dumps(list(ids))).table_valued("value")
        return sa.and_(column.in_(sa.select(each.c.value)))
    return sa.and_(column == sa.any_(sa.literal(list(ids), sa.ARRAY(sa.BigInteger))))


def json_texts(column: Any) -> Any:
    """The texts in a JSON column, as a table with `key` and `value`; to be narrowed by `is_text_in`."""
    each = sa.func.json_each(column) if is_sqlite() else sa.func.jsonb_each_text(column)
    columns = ("key", "value", "type") if is_sqlite() else ("key", "value")
    return each.table_valued(*(sa.column(name, sa.String()) for name in columns), name="each_text")


def is_text_in(column: Any, texts: Any) -> sa.ColumnElement[bool]:
    """Whether a row of `json_texts` is a text in the JSON, no number."""
    if is_sqlite():
        return sa.and_(texts.c.type == "text")
    one: Any = sa.type_coerce(column, postgresql.JSONB)[texts.c.key]
    return sa.and_(sa.func.jsonb_typeof(one) == "string")


def minute_of(column: Any) -> Any:
    """The minute of a datetime column, cheap for a million rows; `read_minute` converts its result."""
    if is_sqlite():
        return sa.func.substr(sa.type_coerce(column, sa.String), 1, 16)
    return sa.func.date_trunc("minute", column)


def read_minute(found: Any) -> datetime:
    """A result of `minute_of` as an aware datetime in UTC."""
    return datetime.fromisoformat(found).replace(tzinfo=UTC) if isinstance(found, str) else found
