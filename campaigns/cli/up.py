"""`flask up`: everything on one machine, in one command."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import click
from flask import current_app
from flask.cli import with_appcontext

from campaigns import process, schema
from campaigns.accounts import services as accounts_services
from campaigns.cli import redis_server
from campaigns.cli.processes import Child, Supervisor
from campaigns.core import clock, queue
from campaigns.core.config import Config
from campaigns.core.db import db
from campaigns.settings import services as settings_services

START_TIMEOUT_S = 30.0
PORTS_TO_TRY = 50


@click.command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="RQ workers.")
@with_appcontext
def up(host: str, port: int, workers: int) -> None:
    """Run everything here: web, dispatcher, workers, Redis, test inbox."""
    run(host=host, port=port, workers=workers)


def run(*, host: str, port: int, workers: int, prepare: Callable[[str], list[str]] | None = None) -> None:
    """Start everything, say where it is once it answers, and stay until a signal.

    `prepare(url)` may fill the database before anything runs, and gives the lines to say; without it these are
    the address, the link to the first operator while there is none, and where data and logs are.
    """
    config: Config = current_app.extensions["columba"]
    lock = _only_one(config)
    _require_free(host, port)
    schema.bring_up_to_date(current_app)
    practice_port = _free_port(config.practice_port)
    settings_services.ensure_practice_server(practice_port, now=clock.now())
    db.session.commit()
    url = os.environ.get("PUBLIC_URL") or f"http://{_reachable(host)}:{port}"
    lines = (prepare or partial(_lines, config))(url)
    db.session.remove()
    db.engine.dispose()
    children = _children(config, host=host, port=port, workers=workers, url=url, practice_port=practice_port)
    supervisor = Supervisor(children, say=_say)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.stop.set())
    try:
        supervisor.start()
        _await_answer(supervisor, host, port)
        for line in ("", *lines, ""):
            _say(line)
        supervisor.watch()
    finally:
        _say("Stopping …")
        supervisor.stop_all()
        lock.close()
        _say("Stopped.")


def _children(
    config: Config, *, host: str, port: int, workers: int, url: str, practice_port: int
) -> list[Child]:
    environ = {
        **os.environ,
        "DATA_DIR": str(config.data_dir),
        "PUBLIC_URL": url,
        "PRACTICE_PORT": str(practice_port),
        "PYTHONUNBUFFERED": "1",
    }
    logs = config.data_dir / "log"

    def child(name: str, command: list[str], *, order: int, grace_s: float = 10.0) -> Child:
        return Child(name, command, environ, logs / f"{name.replace(' ', '-')}.log", order, grace_s)

    children = [
        child("test inbox", process.command("mailbox"), order=3),
        child("web", _web_command(host, port), order=0),
        child("dispatcher", process.command("dispatcher"), order=1),
    ]
    children += [
        child(f"worker {number}", process.command("worker"), order=2, grace_s=60.0)
        for number in range(1, workers + 1)
    ]
    if "REDIS_URL" not in os.environ:
        socket_path = Path(config.redis_url.removeprefix("unix://"))
        command = redis_server.command(socket_path, config.data_dir / "redis")
        children.insert(0, child("redis", command, order=4))
    return children


def _web_command(host: str, port: int) -> list[str]:
    return [*process.command("webserver"), "--host", host, "--port", str(port)]


def _welcome_link(url: str) -> str | None:
    """The one-time link to the first operator; None once there is one."""
    secret = accounts_services.first_operator_link(now=clock.now())
    db.session.commit()
    return f"{url}/welcome/{secret}" if secret else None


def _lines(config: Config, url: str) -> list[str]:
    lines = [f"  Columba runs at {url}"]
    if welcome := _welcome_link(url):
        lines.append(f"  Create the first operator (this link works once): {welcome}")
    lines.append(f"  Data: {config.data_dir} · logs: {config.data_dir / 'log'} · Ctrl-C stops everything")
    return lines


def _only_one(config: Config) -> IO[str]:
    """A lock on the data folder, so that two `up`s never share it."""
    config.run_dir.mkdir(parents=True, exist_ok=True)
    lock = (config.run_dir / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise click.ClickException(
            f"Columba already runs on {config.data_dir}. Stop it first, or set DATA_DIR to another folder."
        ) from None
    return lock


def _require_free(host: str, port: int) -> None:
    if not _is_free(host, port):
        raise click.ClickException(f"Port {port} is in use. Choose another one: up --port {port + 1}")


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + PORTS_TO_TRY):
        if _is_free("127.0.0.1", port):
            return port
    raise click.ClickException(f"No free port for the test inbox from {wanted} on. Set PRACTICE_PORT.")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _await_answer(supervisor: Supervisor, host: str, port: int) -> None:
    """Wait until the web server and Redis answer, looking after the children meanwhile."""
    target = _reachable(host).strip("[]")
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and not supervisor.stop.is_set():
        if _connects(target, port) and _redis_answers():
            return
        for child in supervisor.children:
            if not child.is_running and child.name in ("web", "redis"):
                tail = child.log.read_text(errors="replace").strip().splitlines()[-3:]
                raise click.ClickException(f"{child.name} did not start: " + " / ".join(tail))
        time.sleep(0.05)
    if not supervisor.stop.is_set():
        raise click.ClickException(
            f"The app did not answer within {START_TIMEOUT_S:.0f} seconds. See its logs."
        )


def _reachable(host: str) -> str:
    """The address under which this machine reaches a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (the operator chose to listen everywhere)
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 0.5).close()
    except OSError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(queue.client().ping())
    except queue.away():
        return False


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
