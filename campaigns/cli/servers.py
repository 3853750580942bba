"""`flask server …`"""

from __future__ import annotations

import click

from campaigns.cli.output import answer, as_json, command, secret_from_stdin
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.mail.security import Security
from campaigns.settings import services as settings


@click.group("server")
def server() -> None:
    """SMTP servers that accept our mail."""


@server.command("create")
@click.argument("name")
@click.option("--host", required=True)
@click.option("--port", required=True, type=click.IntRange(1, 65535))
@click.option("--security", required=True, type=click.Choice([each.value for each in Security]))
@click.option("--username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--connections", type=click.IntRange(1, 100), default=5, show_default=True)
@as_json
@command
def create(
    name: str,
    host: str,
    port: int,
    security: str,
    username: str | None,
    password_stdin: bool,
    connections: int,
    wants_json: bool,
) -> None:
    """Create a sending server."""
    if username and not password_stdin:
        raise click.ClickException("A user name needs a password: add --password-stdin.")
    made = settings.create_server(
        name,
        host=host,
        port=port,
        security=Security(security),
        username=username,
        password=secret_from_stdin() if password_stdin else None,
        connections=connections,
        now=clock.now(),
    )
    db.session.commit()
    answer(
        {"id": made.id, "name": made.name, "host": made.host, "port": made.port},
        wants_json=wants_json,
        sentence=f"Created server {made.name} ({made.host}:{made.port}).",
    )
