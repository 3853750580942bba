"""`flask operator …`"""

from __future__ import annotations

import click

from campaigns.accounts import services as accounts_services
from campaigns.accounts.models import Role
from campaigns.cli.output import answer, as_json, command, note, secret_from_stdin
from campaigns.core import clock
from campaigns.core.db import db


@click.group("operator")
def operator() -> None:
    """Team members who can sign in."""


@operator.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.ADMIN.value)
@click.option("--name", default="")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@as_json
@command
def create(email: str, role: str, name: str, password_stdin: bool, wants_json: bool) -> None:
    """Create a team member."""
    made = accounts_services.create_operator(
        email, role=Role(role), password=secret_from_stdin(), name=name, now=clock.now()
    )
    note("operator.created", made.email, role=made.role.value)
    db.session.commit()
    answer(
        {"id": made.id, "email": made.email, "role": made.role.value},
        wants_json=wants_json,
        sentence=f"Created {made.role.value} {made.email}.",
    )
