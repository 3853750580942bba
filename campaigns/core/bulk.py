"""Many rows at once: COPY on PostgreSQL, one prepared statement on SQLite.

Values are given as they are stored: texts, numbers, None, and JSON as text. SQLAlchemy's own bulk insert would spend
several times as long on each row as the database does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite

encode = json.JSONEncoder().encode  # as SQLAlchemy writes JSON


def encoder() -> Callable[[Mapping[str, Any]], str]:
    """`encode` for many plain objects with the same keys: texts and numbers."""
    heads: dict[str, str] = {}
    quoted = json.encoder.encode_basestring_ascii

    def write(values: Mapping[str, Any]) -> str:
        parts = []
        for key, value in values.items():
            head = heads.get(key)
            if head is None:
                head = heads[key] = f"{quoted(key)}: "
            kind = type(value)
            parts.append(
                head + (quoted(value) if kind is str else str(value) if kind is int else encode(value))
            )
        return "{" + ", ".join(parts) + "}"

    return write


def insert_rows(table: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, each with the values of these columns; raises IntegrityError, OperationalError."""
    connection = db.session.connection()
    target = cast(sa.Table, getattr(table, "__table__", table))
    if is_sqlite():
        statement = sa.insert(target).compile(dialect=connection.dialect, column_keys=list(columns))
        if values := [tuple(row) for row in rows]:
            connection.exec_driver_sql(str(statement), values)
        return
    _copy(connection, target, columns, rows)


def moment(at: datetime) -> str:
    """A moment as it is stored."""
    if not is_sqlite():
        return at.isoformat()
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def new_ids(table: Any, number: int) -> list[int]:
    """Ids for so many new rows, in ascending order, that nobody else gets."""
    target = cast(sa.Table, getattr(table, "__table__", table))
    if is_sqlite():  # the transaction holds the only write lock
        names = {"name": target.name}
        given = db.session.scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), names)
        first = max(given or 0, db.session.scalar(sa.select(sa.func.max(target.c.id))) or 0) + 1
        return list(range(first, first + number))
    sequence = sa.func.pg_get_serial_sequence(target.name, "id")
    each = sa.func.generate_series(1, number).table_valued("n")
    return sorted(db.session.scalars(sa.select(sa.func.nextval(sequence)).select_from(each)))


def each_of(numbers: Sequence[int]) -> sa.Subquery:
    """These numbers as rows with a column `id`. One text: drivers look at each element of an array."""
    text = ",".join(map(str, numbers))
    if is_sqlite():
        value = sa.func.json_each(f"[{text}]").table_valued("value").c.value
    else:
        array = sa.cast(sa.literal(f"{{{text}}}", sa.Text), sa.ARRAY(sa.BigInteger))
        value = sa.func.unnest(array).table_valued("value").render_derived().c.value
    return sa.select(sa.cast(value, sa.BigInteger).label("id")).subquery()


def each_text(texts: Sequence[str]) -> sa.Select[Any]:
    """These texts as rows with one column."""
    if is_sqlite():
        return sa.select(sa.func.json_each(encode(texts)).table_valued("value").c.value)
    array = sa.cast(sa.literal(encode(texts), sa.Text), JSONB)
    return sa.select(sa.func.jsonb_array_elements_text(array).table_valued("value").render_derived().c.value)


def update_json(table: Any, column: str, rows: Sequence[tuple[int, str]], **same: Any) -> None:
    """Set a JSON column of rows (id, JSON as text), and other columns of all of them to the same value."""
    target = cast(sa.Table, getattr(table, "__table__", table))
    if is_sqlite():
        update = sa.update(target).where(target.c.id == sa.bindparam("b_id"))
        values = {column: sa.bindparam("b_json", type_=sa.Text), **same}
        db.session.connection().execute(
            update.values(values), [{"b_id": each, "b_json": text} for each, text in rows]
        )
        return
    text = ",".join(f"[{number},{value}]" for number, value in rows)
    array = sa.cast(sa.literal(f"[{text}]", sa.Text), JSONB)
    pair = sa.func.jsonb_array_elements(array).table_valued(sa.column("pair", JSONB)).render_derived()
    of_pair = sa.select(pair.c.pair[0].as_integer().label("id"), pair.c.pair[1].label("value")).subquery()
    db.session.connection().execute(
        sa.update(target).where(target.c.id == of_pair.c.id).values({column: of_pair.c.value, **same})
    )


def _copy(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    import psycopg
    from psycopg import sql

    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), names)
    raw = cast(Any, connection.connection)
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise sa.exc.DBAPIError.instance("COPY", None, error, psycopg.Error, hide_parameters=True) from error
