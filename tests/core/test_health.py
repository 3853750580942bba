"""What `/health` costs the database and Redis, and how old its answer may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from campaigns.core import health, redis_queue
from campaigns.core.db import db

WELL = {"database": "ok", "redis": "ok"}


@contextmanager
def questions() -> Iterator[list[str]]:
    """The statements that the database gets."""
    found: list[str] = []

    def listen(_connection, _cursor, statement: str, *_more: object) -> None:
        found.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield found
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", listen)


def test_many_who_ask_cost_one_question_a_second(app: Flask, redis_url: str) -> None:
    app.extensions["redis"] = redis_queue.connect(redis_url)
    with questions() as asked:
        assert [health.check(now_s=each) for each in (10.0, 10.5, 10.9)] == [WELL] * 3
        assert asked.count("SELECT 1") == 1
        health.check(now_s=11.1)
        assert asked.count("SELECT 1") == 2


def test_that_a_part_is_away_is_asked_anew_each_time(app: Flask) -> None:
    with questions() as asked:
        for _each in range(3):
            assert health.check(now_s=10.0)["redis"] == "away"
    assert asked.count("SELECT 1") == 3
