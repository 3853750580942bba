"""The output of `flask campaign …` about a changed campaign."""

from __future__ import annotations

from campaigns.cli.output import answer
from campaigns.core.db import db
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign


def fresh(campaign_id: int) -> Campaign:
    db.session.expire_all()
    return planning_queries.campaign(campaign_id)


def answer_for(found: Campaign, *, wants_json: bool, sentence: str) -> None:
    values = {
        "id": found.id,
        "status": found.status.value,
        "send_at": found.send_at and found.send_at.isoformat(),
    }
    answer(values, wants_json=wants_json, sentence=sentence)
