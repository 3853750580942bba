"""`flask campaign pause`, `resume`, `cancel` and `unsuppress`."""

from __future__ import annotations

import click

from campaigns.cli.campaign.output import answer_for, fresh
from campaigns.cli.output import answer, as_json, command
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.delivery import services as delivery_services
from campaigns.delivery.ledger import staging
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import PauseReason


@click.command("pause")
@click.argument("campaign_id", type=int)
@as_json
@command
def pause(campaign_id: int, wants_json: bool) -> None:
    """Pause a campaign that is sending."""
    delivery_services.pause(
        planning_queries.campaign(campaign_id), reason=PauseReason.OPERATOR, detail=None, now=clock.now()
    )
    db.session.commit()
    answer_for(fresh(campaign_id), wants_json=wants_json, sentence=f"Campaign {campaign_id} paused.")


@click.command("resume")
@click.argument("campaign_id", type=int)
@as_json
@command
def resume(campaign_id: int, wants_json: bool) -> None:
    """Resume a paused campaign: it sends to the remaining recipients."""
    delivery_services.resume(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    queue.nudge()
    answer_for(fresh(campaign_id), wants_json=wants_json, sentence=f"Campaign {campaign_id} resumed.")


@click.command("cancel")
@click.argument("campaign_id", type=int)
@as_json
@command
def cancel(campaign_id: int, wants_json: bool) -> None:
    """Cancel a campaign: the remaining recipients get nothing."""
    delivery_services.cancel(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    answer_for(fresh(campaign_id), wants_json=wants_json, sentence=f"Campaign {campaign_id} cancelled.")


@click.command("unsuppress")
@click.argument("campaign_id", type=int)
@as_json
@command
def unsuppress(campaign_id: int, wants_json: bool) -> None:
    """Undo the suppressions that its bounces caused, pending ones too."""
    found = planning_queries.campaign(campaign_id)
    undone = staging.undo(campaign_id, now=clock.now())
    db.session.commit()
    values = {"id": found.id, "lifted": undone.suppressed, "unstaged": undone.staged}
    answer(
        values,
        wants_json=wants_json,
        sentence=f"Campaign {campaign_id}: {undone.suppressed} suppressions removed, "
        f"{undone.staged} pending ones dropped.",
    )
