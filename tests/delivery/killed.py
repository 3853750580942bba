"""A lane in a process of its own that is killed -9 in mid-send."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask

from campaigns.core.db import db
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import Timing

_OTHERS = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND xact_start IS NOT NULL"
)


def killed_lane(app: Flask, campaign_id: int, *, when: Callable[[], bool], lease_s: float) -> None:
    """Fork a lane and kill it as soon as `when` holds."""
    db.session.rollback()
    child = forked(app, lambda: lane_runner.send(campaign_id, timing=Timing(lease_s=lease_s, window=50)))
    deadline = time.monotonic() + 20
    while not when():
        assert time.monotonic() < deadline, "the lane never got that far"
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the lane ended before it could be killed"
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def forked(app: Flask, work: Callable[[], object]) -> int:
    """Run work in a child process as a work horse does; its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with app.app_context():
            db.engine.dispose(close=False)
            work()
        code = 0
    finally:
        os._exit(code)


def _freeze(child: int) -> None:
    """Stop it, and return when it has stopped: a busy machine takes its time."""
    os.kill(child, signal.SIGSTOP)
    os.waitpid(child, os.WUNTRACED)


def _holds_the_database() -> bool:
    """Whether somebody else is in the midst of a transaction."""
    if db.engine.dialect.name != "sqlite":
        with db.engine.connect() as connection:
            return bool(connection.scalar(_OTHERS))
    connection = sqlite3.connect(db.engine.url.database or "", timeout=0.05, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


def frozen_lane(
    app: Flask, campaign_id: int, *, when: Callable[[], bool], lease_s: float
) -> Callable[[], None]:
    """Fork a lane and freeze it as soon as `when` holds; what is returned wakes it and waits for its end."""
    db.session.rollback()
    child = forked(app, lambda: lane_runner.send(campaign_id, timing=Timing(lease_s=lease_s, window=50)))
    deadline = time.monotonic() + 20
    while not when():
        assert time.monotonic() < deadline, "the lane never got that far"
        time.sleep(0.001)
    _freeze(child)
    while _holds_the_database():  # who is frozen in mid-write stops everybody
        os.kill(child, signal.SIGCONT)
        time.sleep(0.003)
        _freeze(child)

    def wake() -> None:
        os.kill(child, signal.SIGCONT)
        os.waitpid(child, 0)

    return wake
