"""No room left: the campaign stops, and nobody is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import disk
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.ack_journal import Journal
from campaigns.delivery.sender.lane import End
from campaigns.planning.models import PauseReason, Status
from tests.delivery.factories import BRISK, fresh, id_of, make_launched, states
from tests.fakes.smtp_server import SmtpServer


def test_a_device_without_room_is_recognised() -> None:
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    assert disk.is_full(caught.value)
    assert not disk.is_full(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def test_a_database_without_room_is_recognised(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'small.db'}")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE t (x)"))
        connection.execute(sa.text("PRAGMA max_page_count = 3"))
        with pytest.raises(sa.exc.DBAPIError) as caught:
            connection.execute(sa.text("INSERT INTO t VALUES (zeroblob(100000))"))
    assert disk.is_full(caught.value)
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    assert not disk.is_full(caught.value)


def test_without_room_for_the_journal_the_campaign_is_paused_and_nobody_is_lost(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(journal: Journal) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with SmtpServer() as server:
        campaign = make_launched(server, people=5)
        with monkeypatch.context() as patched:
            patched.setattr(Journal, "sync", full)
            assert lane_runner.send(id_of(campaign), timing=BRISK) is End.STOPPED
        found = fresh(campaign)
        assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.DISK)
        assert server.messages == []
    assert sum(states(campaign).values()) == 5
