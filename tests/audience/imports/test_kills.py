"""A worker is killed at any moment; the next one goes on, and no row is lost or counted twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.imports import runner, services, setup, undo
from campaigns.audience.imports.models import Import, ImportChange, ImportReject, ImportStatus
from campaigns.audience.models import Consent, Subscriber, Subscription
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from tests.audience.imports.files import after, make_import
from tests.factories import make_list
from tests.lengths import first

ROWS = 3000
KILLS = 8


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 100)
    monkeypatch.setattr(runner, "GAP_S", 0.001)
    monkeypatch.setattr(runner, "LEASE", timedelta(0))
    monkeypatch.setattr(undo, "LEASE", timedelta(0))
    monkeypatch.setattr(undo, "AT_ONCE", 100)


def content() -> str:
    """Every tenth row has an address that came before, every hundredth none."""
    rows = []
    for number in range(ROWS):
        address = (
            "bad" if number % 100 == 50 else f"p{number - 7 if number % 10 == 9 else number}@example.org"
        )
        is_long = number % 3 and address != "bad"
        rows.append(f'{address},"Zoë\n{number}"\n' if is_long else f"{address},Zoë {number}\n")
    return "Email,Name\n" + "".join(rows)


def killed(work: Callable[[], Any], seconds: float) -> None:
    """Do the work in a process of its own, and kill that after a while."""
    db.session.remove()
    pid = os.fork()
    if not pid:
        try:
            db.engine.dispose(close=False)  # the connections are the parent's
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def number_of(table: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def check(made: Import, text: bytes) -> None:
    """What is counted is there, and what is not counted is left in the file."""
    counts = made.counts
    assert made.rows == sum(counts.values()) - made.rows
    left = text[max(made.byte_position, made.mapping["start"]) :]
    done = text[made.mapping["start"] : made.byte_position] if made.rows else b""
    assert rows_of(done) == made.rows
    assert rows_of(done) + rows_of(left) == ROWS
    assert number_of(ImportReject) == made.refused + made.left_out
    if made.status is not ImportStatus.CHECKING:
        for table in (Subscriber, Subscription, Consent, ImportChange):
            assert number_of(table) == made.new, table


def rows_of(text: bytes) -> int:
    """Each row has one comma."""
    return text.count(b",")


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(1, [1, 2, 3, 4]))
def test_no_row_is_lost_or_counted_twice(each_database: Flask, seed: int) -> None:
    chance = random.Random(seed)
    text = content().encode()
    made = make_import(text, make_list(), is_dry_run=True)
    number = made.id
    found = []
    for step in ("check", "import"):
        kills = 0
        while after(number).status not in (ImportStatus.CHECKED, ImportStatus.FINISHED):
            if kills == KILLS:
                assert runner.run(number)
            else:
                killed(lambda: runner.run(number), chance.uniform(0.02, 0.25))
                kills += 1
            stored = after(number)
            if stored.status in (ImportStatus.CHECKING, ImportStatus.RUNNING):
                check(stored, text)
        assert after(number).rows == ROWS, step
        found.append(after(number).counts)
        if step == "check":
            setup.start(after(number), now=clock.now())
            db.session.commit()
    assert found[0] == found[1] == {**found[0], "new": 2670, "refused": 330}
    assert number_of(Subscriber) == 2670
    assert not Path(after(number).path).exists()

    services.ask_undo(after(number), now=clock.now())
    db.session.commit()
    emailed = {"was_emailed": delivery_queries.emailed_since}
    for _kill in range(KILLS):
        killed(lambda: undo.run(number, **emailed), chance.uniform(0.02, 0.25))
        stored = after(number)
        assert stored.undone.get("deleted", 0) + number_of(ImportChange) == 2670
        assert number_of(Subscriber) == number_of(ImportChange)
    assert undo.run(number, **emailed)
    assert after(number).undone == {"deleted": 2670}
    assert number_of(Subscriber) == number_of(Consent) == 0
