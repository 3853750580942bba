"""A database older than what was already done comes up paused and sends nothing until an operator says so."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.config import current
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.autopause import restored_backup
from campaigns.delivery.autopause.models import Watermark
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.timing import End
from campaigns.planning.models import PauseReason, Status
from tests.delivery.factories import fresh, make_due, make_launched, send, states
from tests.fakes.smtp_server import SmtpServer


def go_back() -> None:
    """What a backup does: the count of a while ago."""
    db.session.execute(sa.update(Watermark).values(number=Watermark.number - 1))
    db.session.commit()


def tick() -> None:
    tasks.keep_watermark(now=clock.now())
    db.session.rollback()


def test_an_ordinary_installation_counts_on_and_goes_on(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
        for _time in range(3):
            tick()
        assert fresh(campaign).status is Status.SENDING
        send(campaign)
    assert states(campaign) == {"sent": 3}
    known = restored_backup.recall(current().data_dir)
    assert known and known.number == 3


def test_a_restored_database_pauses_what_would_send_until_it_is_resumed(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign, planned = make_launched(server, people=3), make_due(people=1)
        tick()
        tick()
        go_back()
        tick()
        for each in (campaign, planned):
            found = fresh(each)
            assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.RESTORED)
        assert send(campaign) is End.STOPPED
        assert server.messages == []
        services.resume(fresh(campaign), now=clock.now())
        db.session.commit()
        tick()
        send(campaign)
    assert states(campaign) == {"sent": 3}


def test_a_worker_that_is_quicker_than_the_dispatcher_notices_as_well(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
        tick()
        go_back()
        assert lane_runner.send(campaign.id) is End.STOPPED
        assert server.messages == []
    assert fresh(campaign).pause_reason is PauseReason.RESTORED


def test_nothing_is_counted_while_nothing_is_under_way(each_database: Flask) -> None:
    tick()
    assert db.session.scalar(sa.select(Watermark.number)) is None
    assert restored_backup.recall(current().data_dir) is None


def test_a_database_in_an_empty_folder_was_restored_on_sqlite_only(each_database: Flask) -> None:
    """With PostgreSQL it is another host that has come."""
    with SmtpServer() as server:
        campaign = make_launched(server, people=1)
    tick()
    (current().data_dir / restored_backup.NAME).unlink()
    tick()
    is_sqlite = db.engine.dialect.name == "sqlite"
    assert fresh(campaign).status is (Status.PAUSED if is_sqlite else Status.SENDING)


def test_a_copied_folder_refuses_to_send_and_the_first_one_goes_on(app: Flask, tmp_path: Path) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
    tick()
    path = current().data_dir / restored_backup.NAME
    copied = tmp_path / "copy"
    copied.mkdir()
    shutil.copy2(path, copied / restored_backup.NAME)
    found = restored_backup.recall(copied)
    assert found and not found.is_original
    tick()
    assert fresh(campaign).status is Status.SENDING


@pytest.mark.parametrize("content", ["", "rubbish", "12"])
def test_an_unreadable_memory_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / restored_backup.NAME).write_text(content)
    assert restored_backup.recall(tmp_path) is None


def test_the_memory_never_goes_back(tmp_path: Path) -> None:
    restored_backup.remember(tmp_path, 5)
    restored_backup.remember(tmp_path, 3)
    found = restored_backup.recall(tmp_path)
    assert found == restored_backup.Remembered(5, is_original=True)


def test_the_count_is_durable_on_sqlite(app: Flask) -> None:
    with SmtpServer() as server:
        make_launched(server, people=1)
    tick()
    with sqlite3.connect(db.engine.url.database or "") as connection:
        assert connection.execute("SELECT number FROM watermark").fetchone() == (1,)
