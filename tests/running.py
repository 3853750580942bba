"""The whole app as an operator starts it: `flask up` with a folder and ports of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests import forker

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 240


def free_port() -> int:
    """A port that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """`with Running(folder) as site:` starts web, dispatcher, workers, Redis and test inbox for real."""

    def __init__(self, data_dir: Path, *, workers: int = 1, command: str = "up", **environ: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.command_name = command
        self.lines: list[str] = []
        kept = {
            name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")
        }
        self.environ = {
            **kept,
            "DATA_DIR": str(data_dir),
            "PRACTICE_PORT": str(free_port()),
            "PYTHONUNBUFFERED": "1",
            **environ,
        }
        self.data_dir = data_dir

    def __enter__(self) -> Running:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
        options = ["--port", str(self.port), "--workers", str(self.workers)]
        self.process = subprocess.Popen(
            [*flask, self.command_name, *options],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for_line(r"Columba runs at", timeout_s=START_TIMEOUT_S)

    def stop(self) -> int:
        """Sends Ctrl-C; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def wait_for_line(self, pattern: str, *, timeout_s: float) -> re.Match[str]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if found := re.search(pattern, line):
                    return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"no line like {pattern!r} in:\n" + "".join(self.lines))

    @property
    def welcome_link(self) -> str:
        """The one-time link for creating the first operator."""
        return self.wait_for_line(r"(http://\S+/welcome/\S+)", timeout_s=5)[1]

    def flask(self, *arguments: str, input_: str = "", check: bool = True) -> str:
        """Run a command next to the app; returns its standard output."""
        answer = forker.command(*arguments, environ={**self.environ, "PUBLIC_URL": self.url}, input_=input_)
        if check and answer.returncode:
            raise AssertionError(f"{arguments}: {answer.stderr}")
        return answer.stdout if check else f"{answer.returncode}\n{answer.stdout}{answer.stderr}"

    def json(self, *arguments: str, input_: str = "") -> dict[str, Any]:
        """Run a command with --json; returns its object."""
        found: dict[str, Any] = json.loads(self.flask(*arguments, "--json", input_=input_))
        return found

    def until(self, campaign_id: int, *statuses: str, timeout_s: float = 90) -> dict[str, Any]:
        """Wait until a campaign has one of the statuses; returns its figures.

        Reads the database: a command would take a second of CPU that the app needs.
        """
        deadline = time.monotonic() + timeout_s
        url = self.environ.get("DATABASE_URL") or f"sqlite:///{self.data_dir / 'columba.db'}"
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        while (status := _status(engine, campaign_id)) not in statuses:
            if time.monotonic() > deadline:
                found = self.json("campaign", "status", str(campaign_id))
                raise AssertionError(f"campaign {campaign_id} is {status} and not one of {statuses}: {found}")
            time.sleep(0.2)
        return self.json("campaign", "status", str(campaign_id))

    def children(self, word: str) -> list[int]:
        """Ids of the app's running processes whose command line contains the word."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environ = (path / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f" {word}" in line and f"DATA_DIR={self.data_dir}\0" in environ:
                found.append(int(path.name))
        return found

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)


def _status(engine: sa.Engine, campaign_id: int) -> str | None:
    with engine.connect() as connection:
        found: str | None = connection.scalar(
            sa.text("SELECT status FROM campaign WHERE id = :id"), {"id": campaign_id}
        )
    return found
