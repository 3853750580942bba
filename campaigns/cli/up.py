"""`flask up`: runs everything on one machine."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import IO

import click
from flask import current_app
from flask.cli import with_appcontext

from campaigns import everything, process, schema
from campaigns.accounts import services as accounts_services
from campaigns.core import clock
from campaigns.core.config import Config
from campaigns.core.db import db
from campaigns.settings import services as settings_services

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
    """Prepare the database, then replace this process by the one that starts and watches all others.

    `prepare(url)` may fill the database before the start, and returns lines to print. By default they are the
    address, the link for the first operator if there is none, and the folders of data and logs.
    """
    config: Config = current_app.extensions["columba"]
    lock = _only_one(config)
    _require_free(host, port)
    schema.bring_up_to_date()
    practice_port = _free_port(config.practice_port)
    settings_services.ensure_practice_server(practice_port, now=clock.now())
    db.session.commit()
    url = os.environ.get("PUBLIC_URL") or f"http://{everything.reachable(host)}:{port}"
    lines = (prepare or partial(_lines, config))(url)
    db.session.remove()
    db.engine.dispose()
    plan = everything.Plan(host=host, port=port, workers=workers, lines=lines, lock=lock.fileno())
    process.become(
        "everything",
        everything.hand_over(plan),
        DATA_DIR=str(config.data_dir),
        PUBLIC_URL=url,
        PRACTICE_PORT=str(practice_port),
        PYTHONUNBUFFERED="1",
    )


def _welcome_link(url: str) -> str | None:
    """The one-time link for the first operator; None if an operator exists."""
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
    """Lock the data folder, so that only one `up` uses it; the open lock file."""
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
