"""How commands take what a sending server or a mailbox is entered with, and say what is not safe about it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from campaigns.cli.output import secret_from_stdin
from campaigns.mail.security import Security
from campaigns.settings.oauth import OAuth2
from campaigns.settings.trust import Trusting

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
    """`--password-stdin` and the options of OAuth 2."""
    return _with(_SECRETS, function)


def trust_options(function: Function) -> Function:
    """`--ca-file` and `--verify`, which is None unless it is given."""
    return _with(_TRUST, function)


def oauth2_from_stdin(token_url: str, client_id: str, scope: str) -> OAuth2:
    """The refresh token stands in the first line, the client secret, where there is one, in the second."""
    refresh_token = secret_from_stdin("The refresh token")
    client_secret = sys.stdin.readline().strip()
    return OAuth2(token_url, client_id, client_secret, refresh_token, scope)


def warn_if_unverified(row: Trusting) -> None:
    """Say on standard error if nobody checks whose server it is."""
    if row.security is not Security.NONE and not row.verify_certificate:
        click.echo(UNVERIFIED, err=True)


def _with(options: tuple[Callable[[Function], Function], ...], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function
