"""`flask list …`: create and delete lists."""

from __future__ import annotations

import click

from campaigns.audience import queries
from campaigns.audience import services as audience_services
from campaigns.audience.models import OptIn
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning.lists.services import delete_list


@click.group("list")
def lists() -> None:
    """Lists that people subscribe to."""


@lists.command("create")
@click.argument("name")
@click.option("--opt-in", type=click.Choice([each.value for each in OptIn]), default=OptIn.SINGLE.value)
@as_json
@command
def create(name: str, opt_in: str, wants_json: bool) -> None:
    """Create a list."""
    made = audience_services.create_list(name, opt_in=OptIn(opt_in), now=clock.now())
    db.session.commit()
    answer(
        {"id": made.id, "name": made.name, "opt_in": made.opt_in.value},
        wants_json=wants_json,
        sentence=f"Created list {made.name} (number {made.id}).",
    )


@lists.command("delete")
@click.argument("number", type=int)
@as_json
@command
def delete(number: int, wants_json: bool) -> None:
    """Delete a list with its subscriptions; the people stay. Refused while a campaign goes out to it."""
    gone = queries.list_(number)
    name = gone.name
    delete_list(gone)
    db.session.commit()
    answer({"id": number, "name": name}, wants_json=wants_json, sentence=f"Deleted list {name}.")
