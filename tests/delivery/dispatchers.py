"""Dispatchers as processes and threads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from flask import Flask

from campaigns.core.db import db
from tests import forker
from tests.forker import Forked

ROOT = Path(__file__).resolve().parents[2]


def started(
    app: Flask, command: str, *, output: Path | None = None, as_command: bool = False
) -> subprocess.Popen[bytes] | Forked:
    """A worker or dispatcher as a process of its own on the app's data; what it says, into `output`. Forked as `up`
    does it, or as the command `flask worker` or `flask dispatcher`.
    """
    config = app.extensions["columba"]
    environ = {
        **os.environ,
        "DATA_DIR": str(config.data_dir),
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key,
        "PUBLIC_URL": config.public_url,
    }
    with Path(os.devnull).open("rb") as nothing, (output or Path(os.devnull)).open("wb") as kept:
        if as_command:
            line = [sys.executable, "-m", "flask", "--app", "wsgi", command]
            return subprocess.Popen(line, cwd=ROOT, env=environ, stdout=kept, stderr=kept)
        return forker.start(f"campaigns.{command}", command, environ=environ, files=(nothing, kept, kept))


def stopped(processes: list[subprocess.Popen[bytes] | Forked]) -> list[int]:
    """Ask all to stop and give their exit codes; none is left behind, even one that does not listen."""
    for process in processes:
        process.terminate()
    try:
        return [process.wait(60) for process in processes]
    finally:
        for process in processes:
            process.kill()


def until(condition, *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        db.session.rollback()  # a look at SQLite that stays open would keep the others from writing
        time.sleep(0.02)
    db.session.rollback()
