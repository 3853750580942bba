"""`flask operator …`: create team members and reset their second factors."""

from __future__ import annotations

import click

from campaigns.accounts import letters, queries
from campaigns.accounts import services as accounts_services
from campaigns.accounts.factor import services as factor_services
from campaigns.accounts.models import Role
from campaigns.cli.output import answer, as_json, command, secret_from_stdin
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.notices import services as notices_services
from campaigns.settings import queries as settings_queries


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
    db.session.commit()
    answer(
        {"id": made.id, "email": made.email, "role": made.role.value},
        wants_json=wants_json,
        sentence=f"Created {made.role.value} {made.email}.",
    )


@operator.command("reset-factor")
@click.argument("email")
@as_json
@command
def reset_factor(email: str, wants_json: bool) -> None:
    """Remove a team member's authenticator app, passkeys and recovery codes, and sign them out."""
    who = queries.operator_by_email(email)
    if who is None:
        raise NotFound(_("There is no team member with the address %(email)s.", email=email))
    had_one = factor_services.reset(who)
    notice = letters.post_security_changed(who, "reset", site=settings_queries.site().name, now=clock.now())
    db.session.commit()
    queue.enqueue(notices_services.JOB, notice.id)
    answer(
        {"email": who.email, "had_factor": had_one},
        wants_json=wants_json,
        sentence=f"Two-step verification of {who.email} was reset. They sign in with their password."
        if had_one
        else f"{who.email} had no two-step verification. They were signed out.",
    )
