"""`flask campaign versions` and `restore`."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.campaign.output import answer_for, fresh
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import queries as planning_queries
from campaigns.planning.versions import contents, queries, services
from campaigns.planning.versions.models import DraftVersion


@click.command("versions")
@click.argument("campaign_id", type=int)
@as_json
@command
def versions(campaign_id: int, wants_json: bool) -> None:
    """Versions of a campaign, newest first."""
    planning_queries.campaign(campaign_id)
    found = queries.every_version(campaign_id)
    lines = [_line(each) for each in found] or ["No versions yet: the first change makes one."]
    answer(
        {"campaign": campaign_id, "versions": [_values(each) for each in found]},
        wants_json=wants_json,
        sentence="\n".join(lines),
    )


@click.command("restore")
@click.argument("campaign_id", type=int)
@click.argument("number", type=int)
@as_json
@command
def restore(campaign_id: int, number: int, wants_json: bool) -> None:
    """Restore an earlier version of a draft's content.

    Lists, tracking and the sending server stay as they are. The present version is kept.
    """
    found = planning_queries.campaign(campaign_id)
    services.restore(found, queries.version(campaign_id, number), now=clock.now())
    db.session.commit()
    answer_for(
        fresh(campaign_id),
        wants_json=wants_json,
        sentence=f"Restored version {number} of campaign {campaign_id}.",
    )


def _values(version: DraftVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "name": version.name or None,
        "kind": version.kind.value,
        "by": version.who or None,
        "saved_at": version.saved_at.isoformat(),
        "changed": contents.in_order(version.changed),
        "bytes": version.size,
    }


def _line(version: DraftVersion) -> str:
    changed = ", ".join(contents.in_order(version.changed)) or "-"
    name = f'  "{version.name}"' if version.name else ""
    moment = f"{version.saved_at:%Y-%m-%d %H:%M}"
    return f"{version.number:>5}  {moment}  {version.kind.value:<10}  {version.who or '-'}  {changed}{name}"
