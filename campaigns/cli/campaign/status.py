"""`flask campaign status`."""

from __future__ import annotations

import click

from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.progress import explanations
from campaigns.planning import queries as planning_queries
from campaigns.reports import queries as reports_queries


@click.command("status")
@click.argument("campaign_id", type=int)
@as_json
@command
def status(campaign_id: int, wants_json: bool) -> None:
    """Progress of a campaign: recipients by status, what they did, what came back, and why it is not sending."""
    found = planning_queries.campaign(campaign_id)
    counts = delivery_queries.counts(campaign_id)
    figures = reports_queries.figures([campaign_id])[campaign_id]
    values: dict[str, object] = {
        "id": found.id,
        "status": found.status.value,
        "audience": counts.audience,
        "states": counts.by_word,
        "opens": figures.opens,
        "clicks": figures.clicks,
        "unsubscribes": figures.unsubscribes,
        "bounced": figures.bounced,
        "complaints": figures.complaints,
        "replies": figures.replies,
    }
    why = explanations.explanation_of(found, now=clock.now())
    values["why"] = why and {
        "code": why.code,
        "sentence": why.text,
        "until": why.until and why.until.isoformat(),
        "server": why.server or None,
    }
    if found.pause_reason:
        values["pause_reason"] = found.pause_reason.value
        values["pause_detail"] = found.pause_detail
    states = (
        ", ".join(f"{number} {word}" for word, number in counts.by_word.items() if number)
        or "no recipients yet"
    )
    answer(
        values,
        wants_json=wants_json,
        sentence=f"{found.status.value}: {states}; "
        f"{figures.opens} opened, {figures.clicks} clicked, {figures.unsubscribes} unsubscribed, "
        f"{figures.complaints} complained, {figures.replies} replied." + (f"\n{why.text}" if why else ""),
    )
