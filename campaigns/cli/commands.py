"""The list of flask commands. Each is imported only when it is run, with the parts of the app that it needs."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

from campaigns.cli.deferred import Deferred, Place

COMMANDS = {
    "up": Place(
        "campaigns.cli.up", "up", "Run everything here: web, dispatcher, workers, Redis, test inbox."
    ),
    "demo": Place(
        "campaigns.cli.demo",
        "demo",
        "Run everything on sample data: 2,000 people, four lists, ten campaigns.",
    ),
    "worker": Place("campaigns.cli.roles", "worker", "Run a worker: sends email and runs imports."),
    "dispatcher": Place("campaigns.cli.roles", "dispatcher", "Run the dispatcher: starts what is due."),
    "reader": Place(
        "campaigns.cli.roles", "reader", "Run a mail worker: reads mailboxes for bounces and replies."
    ),
    "intake": Place(
        "campaigns.cli.roles", "intake", "Run the intake: takes bounces by LMTP or SMTP without a mailbox."
    ),
    "test-inbox": Place(
        "campaigns.cli.roles",
        "practice",
        "Run the test inbox: keeps emails on this machine for reading in the app.",
    ),
    "operator": Place("campaigns.cli.operators", "operator", "Team members who can sign in."),
    "list": Place("campaigns.cli.audience.lists", "lists", "Lists that people subscribe to."),
    "people": Place("campaigns.cli.audience.people", "people", "People on lists."),
    "segment": Place("campaigns.cli.audience.segments", "segments", "Segments: people who match a rule."),
    "server": Place("campaigns.cli.servers", "server", "SMTP servers used to send email."),
    "domain": Place("campaigns.cli.domains", "domain", "Domains whose email is signed with DKIM."),
    "mailbox": Place(
        "campaigns.cli.inbound.mailboxes",
        "mailbox",
        "Mailboxes in which bounces, complaints and replies arrive.",
    ),
    "campaign": Place("campaigns.cli.campaign", "campaign", "Emails to lists."),
    "template": Place("campaigns.cli.template", "template", "Emails that campaigns begin with."),
    "inbound": Place(
        "campaigns.cli.inbound.classify", "inbound", "Emails that come back: bounces, complaints, answers."
    ),
    "audit": Place("campaigns.cli.audit", "audit", "The audit log: who did what."),
    "db": Place("flask_migrate.cli", "db", "Perform database migrations."),
}
MIGRATIONS = "db"
NEED_ALL_TABLES = {"up", "demo", MIGRATIONS}  # others would spend a third of their time on it
GARBAGE_AFTER = 200_000  # objects, some 20 MB; Python's default is 700


class Commands(AppGroup):
    """Our commands, and those of extensions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        return super().get_command(ctx, cmd_name) if place is None else Deferred(cmd_name, place)


def register(app: Flask) -> None:
    """Attach the commands to the app's `flask` command."""
    commands = Commands(app.name)
    commands.commands.update(app.cli.commands)
    app.cli = commands


def is_asked_for() -> bool:
    """Whether this process is `flask` with one of our commands or --help, which needs no pages."""
    program = Path(sys.argv[0])  # `flask`, or `flask/__main__.py` with `python -m flask`; not a web server
    is_flask = os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "flask" in (
        program.name,
        program.parent.name,
    )
    return is_flask and (_named() is not None or "--help" in sys.argv)


def app() -> Flask:
    """The app for a command, without pages; raises ConfigError."""
    _collect_little_garbage()
    name = _named()
    if "--help" in sys.argv:  # needs no database
        found = Flask("campaigns")
    else:
        from campaigns import bootstrap  # `--help` does not need it

        found = bootstrap.without_pages(models=bootstrap.MODELS if name in NEED_ALL_TABLES else ())
    if name == MIGRATIONS:
        from campaigns import schema  # most commands do not need Alembic

        schema.attach(found)
    register(found)
    return found


def _named() -> str | None:
    return next((each for each in sys.argv[1:] if each in COMMANDS), None)


def _collect_little_garbage() -> None:
    """Collect garbage rarely, and never in loaded modules, which would take a third of a command's time."""
    gc.set_threshold(GARBAGE_AFTER)
    atexit.register(gc.freeze)
