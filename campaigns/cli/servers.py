"""`flask server …`: create and change sending servers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from campaigns.cli.output import answer, as_json, command, secret_from_stdin
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.mail.security import Security
from campaigns.settings import queries as settings_queries
from campaigns.settings import services as settings_services
from campaigns.settings.limits import ServerLimits
from campaigns.settings.models import Server
from campaigns.settings.oauth import OAuth2
from campaigns.settings.sharing import ServerPart
from campaigns.settings.trust import Trusting, read_authorities

UNVERIFIED = (
    "Warning: its certificate is not checked. Somebody in between can read the password and the mails; "
    "with --ca-file nobody can."
)
_SECRETS = (
    click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    click.option("--oauth2-token-url", default="", help="Sign in with OAuth 2: the token URL."),
    click.option("--client-id", default=""),
    click.option("--scope", default=""),
    click.option(
        "--oauth2-stdin",
        is_flag=True,
        help="Read the refresh token and the client secret from standard input, one per line.",
    ),
)
_TRUST = (
    click.option(
        "--ca-file",
        type=click.Path(path_type=Path),
        help="CA certificates (PEM) to trust instead of the system's; stored with its settings.",
    ),
    click.option(
        "--verify/--no-verify",
        "verifies",
        default=None,
        help="Verify the server's certificate. Without it, attackers on the network can read everything.",
    ),
)
Function = Callable[..., Any]


def secret_options(function: Function) -> Function:
    """Decorator: adds `--password-stdin` and the options of OAuth 2."""
    return _with(_SECRETS, function)


def trust_options(function: Function) -> Function:
    """Decorator: adds `--ca-file` and `--verify`, which is None unless it is given."""
    return _with(_TRUST, function)


def oauth2_from_stdin(token_url: str, client_id: str, scope: str) -> OAuth2:
    """OAuth 2 settings; standard input has the refresh token in its first line, any client secret in its second."""
    refresh_token = secret_from_stdin("The refresh token")
    client_secret = sys.stdin.readline().strip()
    return OAuth2(token_url, client_id, client_secret, refresh_token, scope)


def warn_if_unverified(row: Trusting) -> None:
    """Warn on standard error if the server's certificate is not verified."""
    if row.security is not Security.NONE and not row.verify_certificate:
        click.echo(UNVERIFIED, err=True)


def _with(options: tuple[Callable[[Function], Function], ...], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


@click.group("server")
def server() -> None:
    """SMTP servers used to send email."""


@server.command("create")
@click.argument("name")
@click.option("--host", required=True)
@click.option("--port", required=True, type=click.IntRange(1, 65535))
@click.option("--security", required=True, type=click.Choice([each.value for each in Security]))
@click.option("--username")
@secret_options
@click.option("--connections", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option("--per-second", type=click.IntRange(1), help="Emails per second, at most.")
@click.option("--per-minute", type=click.IntRange(1))
@click.option("--per-hour", type=click.IntRange(1))
@click.option("--per-day", type=click.IntRange(1))
@click.option("--per-connection", type=click.IntRange(1), help="Emails per connection; 100 if omitted.")
@click.option("--warm-up-from", type=click.DateTime(["%Y-%m-%d"]), help="The first day of a warm-up.")
@click.option("--warm-up", "warm_up_curve", default="", help='Emails per day, such as "50, 100, 500".')
@click.option(
    "--share", default=0, help="Relative weight when a campaign names no server; 0 = fallback only."
)
@click.option("--domains", default="", help="Sender domains it is limited to; all if omitted.")
@trust_options
@as_json
@command
def create(
    name: str,
    host: str,
    port: int,
    security: str,
    username: str | None,
    password_stdin: bool,
    oauth2_token_url: str,
    client_id: str,
    scope: str,
    oauth2_stdin: bool,
    connections: int,
    per_second: int | None,
    per_minute: int | None,
    per_hour: int | None,
    per_day: int | None,
    per_connection: int | None,
    warm_up_from: datetime | None,
    warm_up_curve: str,
    share: int,
    domains: str,
    ca_file: Path | None,
    verifies: bool | None,
    wants_json: bool,
) -> None:
    """Create a sending server."""
    if bool(oauth2_token_url) != oauth2_stdin or (oauth2_stdin and password_stdin):
        raise click.ClickException("OAuth 2 needs --oauth2-token-url and --oauth2-stdin, and no password.")
    if username and not password_stdin and not oauth2_stdin:
        raise click.ClickException("A user name needs a password: add --password-stdin.")
    now = clock.now()
    first = warm_up_from.date() if warm_up_from else now.date() if warm_up_curve else None
    made = settings_services.create_server(
        name,
        host=host,
        port=port,
        security=Security(security),
        username=username,
        password=secret_from_stdin() if password_stdin else None,
        signs_in=oauth2_from_stdin(oauth2_token_url, client_id, scope) if oauth2_stdin else None,
        connections=connections,
        verify_certificate=verifies is not False,
        authorities=read_authorities(ca_file) if ca_file else None,
        limits=ServerLimits(per_second, per_minute, per_hour, per_day, first, warm_up_curve, per_connection),
        part=ServerPart(share, domains),
        now=now,
    )
    db.session.commit()
    _tell(made, f"Created server {made.name} ({made.host}:{made.port}).", wants_json=wants_json)


@server.command("edit")
@click.argument("name")
@click.option("--rename", help="New name.")
@click.option("--host")
@click.option("--port", type=click.IntRange(1, 65535))
@click.option("--security", type=click.Choice([each.value for each in Security]))
@click.option("--username", help='"" for none.')
@click.option("--password-stdin", is_flag=True, help="Read a new password from standard input.")
@click.option("--connections", type=click.IntRange(1, 100))
@trust_options
@click.option("--system-ca", is_flag=True, help="Trust the system's CAs again.")
@as_json
@command
def edit(
    name: str,
    rename: str | None,
    host: str | None,
    port: int | None,
    security: str | None,
    username: str | None,
    password_stdin: bool,
    connections: int | None,
    ca_file: Path | None,
    system_ca: bool,
    verifies: bool | None,
    wants_json: bool,
) -> None:
    """Change a sending server; what is not named stays as it is.

    Another host, security or certificate check asks for the password again.
    """
    if ca_file and system_ca:
        raise click.ClickException("Choose one of --ca-file and --system-ca.")
    found = settings_queries.server_by_name(name)
    authorities = None if system_ca else found.authorities
    settings_services.update_server(
        found,
        name=rename or found.name,
        host=host or found.host,
        port=port or found.port,
        security=Security(security) if security else found.security,
        username=found.username if username is None else username or None,
        password=secret_from_stdin() if password_stdin else None,
        connections=connections or found.connections,
        verify_certificate=found.verify_certificate if verifies is None else verifies,
        authorities=read_authorities(ca_file) if ca_file else authorities,
    )
    db.session.commit()
    _tell(found, f"Changed server {found.name} ({found.host}:{found.port}).", wants_json=wants_json)


def _tell(found: Server, sentence: str, *, wants_json: bool) -> None:
    """Print the server's settings, and warnings about insecure ones on standard error."""
    warn_if_unverified(found)
    values = {
        "id": found.id,
        "name": found.name,
        "host": found.host,
        "port": found.port,
        "verify_certificate": found.verify_certificate,
        "has_authorities": found.authorities is not None,
    }
    answer(values, wants_json=wants_json, sentence=sentence)
