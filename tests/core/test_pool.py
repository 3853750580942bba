"""A connection from the pool has been asked whether it is alive, unless it was used a moment ago."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import db as database
from campaigns.core.db import db


@pytest.fixture
def asked(postgres_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The connections that were asked."""
    found: list[object] = []
    ask = db.engine.dialect.do_ping
    monkeypatch.setattr(
        db.engine.dialect, "do_ping", lambda connection: found.append(connection) or ask(connection)
    )
    yield found
    db.engine.dispose()


def test_a_connection_that_rested_and_was_cut_off_is_replaced_unseen(
    asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FRESH_FOR_S", 0.0)
    old = _number()
    _cut_off(old)

    assert _number() != old
    assert asked


def test_all_that_rested_are_replaced_when_one_is_found_dead(
    asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FRESH_FOR_S", 0.0)
    with db.engine.connect() as first, db.engine.connect() as second:
        old = [first.scalar(_NUMBER), second.scalar(_NUMBER)]
    for each in old:
        _cut_off(each)

    with db.engine.connect() as first, db.engine.connect() as second:
        assert not {first.scalar(_NUMBER), second.scalar(_NUMBER)} & set(old)


def test_a_connection_that_was_used_a_moment_ago_is_not_asked(
    asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FRESH_FOR_S", 3600.0)

    assert _number() == _number()
    assert not asked


_NUMBER = sa.text("SELECT pg_backend_pid()")


def _number() -> int:
    with db.engine.connect() as connection:
        return int(connection.scalar(_NUMBER) or 0)


def _cut_off(number: int | None) -> None:
    other = sa.create_engine(db.engine.url, poolclass=sa.pool.NullPool)
    with other.begin() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:number)"), {"number": number})
        connection.execute(sa.text("SELECT pg_stat_clear_snapshot()"))
        while connection.scalar(sa.text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": number}):
            connection.execute(sa.text("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()"))
