"""`flask campaign convert` and `preview`."""

from __future__ import annotations

import sys

import click

from campaigns.cli.campaign.output import answer_for, fresh
from campaigns.cli.output import as_json, command
from campaigns.content.formats import Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import queries as planning_queries
from campaigns.planning import testmails
from campaigns.planning.writing import conversions


@click.command("convert")
@click.argument("campaign_id", type=int)
@click.option("--to", "wanted", required=True, type=click.Choice([each.value for each in Format]))
@as_json
@command
def convert(campaign_id: int, wanted: str, wants_json: bool) -> None:
    """Write a draft in another format from now on."""
    found = planning_queries.campaign(campaign_id)
    old, to = found.format, Format(wanted)
    conversions.convert(found, to, version=found.version, now=clock.now())
    db.session.commit()
    sentence = f"Converted campaign {campaign_id} to {to.label}. {conversions.LOST[old, to]}"
    answer_for(fresh(campaign_id), wants_json=wants_json, sentence=sentence)


@click.command("preview")
@click.argument("campaign_id", type=int)
@click.option("--as", "address", required=True, help="The address of the person who would get it.")
@click.option("--part", type=click.Choice(["html", "text", "source"]), default="text", show_default=True)
@command
def preview(campaign_id: int, address: str, part: str) -> None:
    """Print what a person would get; nothing is sent. `source`: the complete message, without tracking."""
    found = planning_queries.campaign(campaign_id)
    person = planning_queries.person_by_address(address)
    if person is None:
        raise click.ClickException(f"There is no person with the address {address}.")
    printed = testmails.printed(found, person, part=part, now=clock.now())
    db.session.commit()
    sys.stdout.buffer.write(printed)
    sys.stdout.buffer.flush()
