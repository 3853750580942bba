"""On SQLite there is one writer: the dispatcher takes that role only where something is to be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.dispatch.dispatcher import SEND
from campaigns.delivery.models import Batch
from tests.delivery.factories import make_launched
from tests.fakes.smtp_server import SmtpServer


@contextmanager
def writing() -> Iterator[list[str]]:
    """The transactions meanwhile that kept others from writing."""
    found: list[str] = []

    def look(_connection, _cursor, statement, *_: object) -> None:
        if statement.startswith("BEGIN IMMEDIATE"):
            found.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", look)


DUTIES: dict[str, Callable[[], object]] = {
    "repairs": lambda: tasks.repair(now=clock.now()),
    "takeovers": lambda: tasks.reap(owner="dispatcher", now=clock.now()),
    "cancellations": lambda: tasks.settle_cancelled(now=clock.now()),
    "launches": lambda: tasks.launch_due(now=clock.now()),
    "lanes": lambda: tasks.wake_workers(SEND, now=clock.now()),
    "probes": lambda: tasks.hint_probes("campaigns.delivery.jobs.probe", now=clock.now()),
    "look-ups": lambda: tasks.hint_look_ups("campaigns.delivery.jobs.look_up_receivers", now=clock.now()),
    "imports": lambda: tasks.hint_imports(now=clock.now()),
    "exports": lambda: tasks.hint_exports(now=clock.now()),
    "old exports": lambda: tasks.forget_exports(now=clock.now()),
    "notices": lambda: tasks.hint_notices(now=clock.now()),
    "leftovers": lambda: tasks.clean_up(now=clock.now()),
    "invariants": lambda: tasks.check(now=clock.now()),
}


@pytest.mark.parametrize("duty", DUTIES)
def test_a_duty_that_finds_nothing_to_do_keeps_nobody_from_writing(app: Flask, duty: str) -> None:
    with SmtpServer() as server:
        make_launched(server, people=3)
        make_launched(server, people=3)
    db.session.rollback()
    with writing() as found:
        DUTIES[duty]()
    assert found == []


def test_what_a_duty_has_to_write_it_writes(app: Flask) -> None:
    with SmtpServer() as server:
        make_launched(server, people=3)
    db.session.execute(
        sa.update(Batch).values(
            state=1, owner="elsewhere:1", lease_until=sa.text("'2020-01-01 00:00:00.000000'")
        )
    )
    db.session.commit()
    with writing() as found:
        assert tasks.reap(owner="dispatcher", now=clock.now()) == 1
    assert found
