"""The database: the declarative base, column types, engine options, and how transactions begin.

SQLite is opened in WAL mode. A transaction that may write begins with BEGIN IMMEDIATE, because SQLite does not
let a reader become a writer after another connection wrote ("database is locked", at once, whatever the
timeout). Code that only reads uses `reading()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, registry

T = TypeVar("T")

BUSY_TIMEOUT_MS = 20_000

_begin: ContextVar[str] = ContextVar("begin", default="BEGIN IMMEDIATE")
_patience_ms: ContextVar[int] = ContextVar("patience_ms", default=BUSY_TIMEOUT_MS)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware datetimes in UTC on each database (SQLite itself drops the zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A naive datetime has no place here: pass an aware one.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(sa.types.TypeDecorator[Any]):
    """A StrEnum, stored as its value."""

    impl = sa.String(32)
    cache_ok = True

    def __init__(self, enum: type[Enum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self.enum(value)


class Number(sa.types.TypeDecorator[Any]):
    """An IntEnum, stored as a small integer to save space: the ledger has millions of rows."""

    impl = sa.SmallInteger
    cache_ok = True

    def __init__(self, enum: type[IntEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: Any, dialect: Any) -> int | None:
        return None if value is None else int(self.enum(value))

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self.enum(value)


# SQLite generates only INTEGER PRIMARY KEY; PostgreSQL needs BIGINT for 64 bits.
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# The largest id in other tables (32 bits): PostgreSQL raises an error if an id is compared with a larger number.
LARGEST_ID = 2**31 - 1


# Text on SQLite; JSONB on PostgreSQL, which can be indexed.
Json = sa.JSON().with_variant(JSONB(), "postgresql")

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    registry = registry(
        metadata=sa.MetaData(naming_convention=NAMES),
        type_annotation_map={datetime: UtcDateTime, dict[str, Any]: Json, list[str]: Json},
    )


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def changed_by(statement: Any) -> int:
    """Execute an INSERT, UPDATE or DELETE; the number of rows changed. Loaded objects are not updated."""
    options = {"synchronize_session": False, "preserve_rowcount": True}
    done: Any = db.session.execute(statement.execution_options(**options))
    return int(done.rowcount)


@contextmanager
def reading() -> Iterator[None]:
    """Transactions begun in this block take no write lock (SQLite; no effect on PostgreSQL)."""
    token = _begin.set("BEGIN")
    try:
        yield
    finally:
        _begin.reset(token)


def save_unique(row: Any, taken: Exception) -> None:
    """Flush a new or changed row; raises `taken`, and rolls back, if another row has what must be its own."""
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError as error:
        db.session.rollback()
        raise taken from error


def peek(look: Callable[[], T]) -> T:
    """What a read finds that takes no lock; leaves no transaction open."""
    db.session.rollback()
    with reading():
        try:
            return look()
        finally:
            db.session.rollback()


def begin_by_reading() -> None:
    """Begin transactions without the write lock for the rest of this context (a request)."""
    _begin.set("BEGIN")


def begin_by_writing() -> None:
    """Undo `begin_by_reading`, for a request that has to write."""
    _begin.set("BEGIN IMMEDIATE")


@contextmanager
def impatient(milliseconds: int) -> Iterator[None]:
    """Transactions begun in this block wait for locks at most this long, then raise OperationalError."""
    token = _patience_ms.set(milliseconds)
    try:
        yield
    finally:
        _patience_ms.reset(token)


# A host may disappear without closing its connections. Both ends notice it within half a minute instead of hours:
# the client, so that a lane does not wait for an answer that cannot come, and PostgreSQL, because the transaction of
# a lost host holds locks that keep others from its batches. Seconds, then milliseconds.
GONE_AFTER_MS = 20_000
_OUR_SIDE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": GONE_AFTER_MS,
}
_THEIR_SIDE = (
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2;"
    f" SET tcp_user_timeout = {GONE_AFTER_MS}"
)


def _notice_cut_hosts(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_THEIR_SIDE)
    connection.commit()


def _limit_locks(connection: sa.Connection) -> None:
    """Set the transaction's lock timeout: PostgreSQL has none by default."""
    if (patience := _patience_ms.get()) != BUSY_TIMEOUT_MS:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {patience}")


# Connections used more recently are not pinged: a tick of the dispatcher checks out dozens.
FRESH_FOR_S = 1.0


def _note_return(_dbapi_connection: Any, record: Any) -> None:
    record.info["returned_at"] = time.monotonic()


def _ask_whether_alive(dialect: sa.Dialect) -> Callable[[Any, Any, Any], None]:
    """A check-out listener that pings like `pool_pre_ping`, but only connections that were idle for a while."""

    def ask(dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        returned_at = record.info.get("returned_at")
        if returned_at is None or time.monotonic() - returned_at < FRESH_FOR_S:
            return
        try:
            dialect.do_ping(dbapi_connection)
        except dialect.loaded_dbapi.Error as error:
            if not dialect.is_disconnect(error, dbapi_connection, None):
                raise
            raise sa.exc.InvalidatePoolError from error

    return ask


def engine_options(url: str) -> dict[str, Any]:
    """The options of SQLAlchemy's engine for this database URL."""
    private = {"hide_parameters": True}  # errors are logged, and parameters hold links and addresses
    if url.startswith("sqlite"):
        return {
            **private,
            "connect_args": {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        }
    return {**private, "pool_size": 10, "max_overflow": 20, "connect_args": _OUR_SIDE}


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def prepare_engine(engine: sa.Engine) -> None:
    """Attach the listeners that set up connections and begin transactions."""
    if engine.dialect.name != "sqlite":
        sa.event.listen(engine, "connect", _notice_cut_hosts)
        sa.event.listen(engine, "begin", _limit_locks)
        sa.event.listen(engine, "checkin", _note_return)
        sa.event.listen(engine, "checkout", _ask_whether_alive(engine.dialect))
        return

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the `begin` listener emits BEGIN
        connection.create_function("unicode_lower", 1, _lower, deterministic=True)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA cache_size=-32000")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _say_begin(connection: sa.Connection) -> None:
        patience = _patience_ms.get()
        if connection.info.get("patience_ms", BUSY_TIMEOUT_MS) != patience:
            driver: Any = connection.connection.dbapi_connection  # on the driver: a tenth of the time
            driver.execute(f"PRAGMA busy_timeout={patience}")
            connection.info["patience_ms"] = patience
        connection.exec_driver_sql(_begin.get())
