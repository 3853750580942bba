"""What came of campaigns: every figure is counted over the ledger, people only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.delivery.models import Delivery, State


@dataclass(frozen=True, slots=True)
class Figures:
    """People, each counted once: in the audience, mailed, who opened, clicked, left."""

    audience: int = 0
    sent: int = 0
    opens: int = 0
    clicks: int = 0
    unsubscribes: int = 0


def figures(campaign_ids: Sequence[int]) -> dict[int, Figures]:
    """The figures of each campaign asked for; zeros for one that has not gone out."""
    rows = db.session.execute(
        sa.select(
            Delivery.campaign_id,
            sa.func.count(),
            sa.func.count().filter(Delivery.state == State.SENT),
            sa.func.count(Delivery.opened_at),
            sa.func.count(Delivery.clicked_at),
            sa.func.count(Delivery.unsubscribed_at),
        )
        .where(Delivery.campaign_id.in_(campaign_ids), Delivery.is_latest)
        .group_by(Delivery.campaign_id)
    )
    found = {row[0]: Figures(*row[1:]) for row in rows}
    return {each: found.get(each, Figures()) for each in campaign_ids}
