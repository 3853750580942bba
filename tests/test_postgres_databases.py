"""Databases of tests: blank for each, whatever the test before did to its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.postgres_databases import Databases, one_at_a_time

CHANGES = (
    "CREATE FUNCTION fail() RETURNS trigger AS 'BEGIN RAISE disk_full; END' LANGUAGE plpgsql",
    "CREATE TRIGGER no_more BEFORE UPDATE ON list FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "ALTER TABLE list ADD COLUMN more text",
    "DROP INDEX {index}",
)


def do(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for each in statements:
            connection.exec_driver_sql(each)


def index_of(url: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return str(sa.inspect(connection).get_indexes("delivery")[0]["name"])


def test_the_next_test_gets_the_same_database_without_the_rows(postgres_databases: Databases) -> None:
    with postgres_databases.one() as url:
        do(url, "UPDATE site SET name = 'Another'", "INSERT INTO watermark (id, number) VALUES (7, 7)")
    with postgres_databases.one() as again:
        engine = sa.create_engine(again, poolclass=sa.NullPool)
        with engine.connect() as connection:
            name = connection.exec_driver_sql("SELECT name FROM site").scalar_one()
            left = connection.exec_driver_sql("SELECT count(*) FROM watermark WHERE id = 7").scalar_one()
    assert again == url
    assert (name, left) == ("Columba", 0)


@pytest.mark.parametrize("number", [1, 20_000])
def test_the_next_test_counts_from_one_however_many_rows_the_last_one_had(
    postgres_databases: Databases, number: int
) -> None:
    notices = """
        INSERT INTO notice (kind, to_address, subject, text, created_at, expires_at, attempts)
        SELECT 'reset', 'ada@example.com', 'Hello', '', now(), now(), 0 FROM generate_series(1, {number})
    """
    for many in (number, 1):
        with postgres_databases.one() as url:
            do(url, notices.format(number=many))
            engine = sa.create_engine(url, poolclass=sa.NullPool)
            with engine.connect() as connection:
                ids = connection.exec_driver_sql("SELECT min(id), max(id) FROM notice").one()
        assert tuple(ids) == (1, many)


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_gets_a_database_that_was_changed_otherwise(
    postgres_databases: Databases, change: str
) -> None:
    with postgres_databases.one() as url:
        do(url, change.format(index=index_of(url)))
    with postgres_databases.one() as other:
        assert other != url


WAIT = """
import pathlib, sys
from tests.postgres_databases import one_at_a_time
print("here", flush=True)
with one_at_a_time():
    print(pathlib.Path(sys.argv[1]).exists())
"""


def test_processes_make_the_user_of_a_server_one_after_the_other(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with one_at_a_time():
        other = subprocess.Popen([sys.executable, "-c", WAIT, done], stdout=subprocess.PIPE, text=True)
        assert other.stdout and other.stdout.readline() == "here\n"
        time.sleep(0.5)  # it would be in there by now
        done.touch()
    assert other.communicate(timeout=60)[0] == "True\n"
