"""The flask commands, in one list. Each is loaded when it is asked for."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

from campaigns import bootstrap

COMMANDS = {
    "up": "campaigns.cli.up:up",
    "demo": "campaigns.cli.demo:demo",
    "worker": "campaigns.cli.roles:worker",
    "dispatcher": "campaigns.cli.roles:dispatcher",
    "test-inbox": "campaigns.cli.roles:practice",
    "operator": "campaigns.cli.operators:operator",
    "list": "campaigns.cli.lists:lists",
    "people": "campaigns.cli.people:people",
    "server": "campaigns.cli.servers:server",
    "domain": "campaigns.cli.domains:domain",
    "campaign": "campaigns.cli.campaign:campaign",
    "audit": "campaigns.cli.audit:audit",
}


class Commands(AppGroup):
    """Ours, and what extensions add."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _colon, name = place.partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found


def register(app: Flask) -> None:
    """Attach the commands to the app."""
    commands = Commands(app.name)
    commands.commands.update(app.cli.commands)
    app.cli = commands


def is_asked_for() -> bool:
    """Whether this process is `flask` with one of our commands: it needs no pages."""
    program = Path(sys.argv[0])  # `flask`, or `flask/__main__.py` of `python -m flask`; never a web server's
    is_flask = os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "flask" in (
        program.name,
        program.parent.name,
    )
    return is_flask and any(each in COMMANDS for each in sys.argv[1:])


def app() -> Flask:
    """The app of a command; raises ConfigError."""
    found = bootstrap.without_pages()
    register(found)
    return found
