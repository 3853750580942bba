"""What came of campaigns: every figure is counted over the ledger, people only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.delivery.models import Delivery, State
from campaigns.planning.models import Campaign, Status

COMPARED_WITH = 10
LEAST_TO_COMPARE = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """People, each counted once: in the audience, mailed, who opened, clicked, left."""

    audience: int = 0
    sent: int = 0
    opens: int = 0
    clicks: int = 0
    unsubscribes: int = 0
    failed: int = 0

    def rates(self) -> dict[str, float]:
        """Shares of those who were mailed, 0 to 1."""
        whole = self.sent or 1
        found = {"opens": self.opens, "clicks": self.clicks, "unsubscribes": self.unsubscribes}
        return {name: number / whole for name, number in found.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The medians of your own campaigns before: shares of those mailed, 0 to 1, over `campaigns` of them."""

    campaigns: int
    opens: float
    clicks: float
    unsubscribes: float


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
            sa.func.count().filter(Delivery.state.in_((State.FAILED, State.EXPIRED, State.UNKNOWN))),
        )
        .where(Delivery.campaign_id.in_(campaign_ids), Delivery.is_latest)
        .group_by(Delivery.campaign_id)
    )
    found = {row[0]: Figures(*row[1:]) for row in rows}
    return {each: found.get(each, Figures()) for each in campaign_ids}


def finished(*, most: int, before: Campaign | None = None) -> list[Campaign]:
    """Campaigns that came to their end, the last first; with `before` those that started earlier."""
    statement = (
        sa.select(Campaign)
        .where(Campaign.status == Status.FINISHED, Campaign.started_at.is_not(None))
        .order_by(Campaign.started_at.desc(), Campaign.id.desc())
        .limit(most)
        .options(sa.orm.defer(Campaign.html), sa.orm.defer(Campaign.text))
    )
    if before is not None and before.started_at is not None:
        statement = statement.where(Campaign.started_at <= before.started_at, Campaign.id != before.id)
    return list(db.session.scalars(statement))


def comparison(campaign: Campaign) -> Comparison | None:
    """What your last ten campaigns before this one had; None when there are too few to compare with."""
    known = figures([each.id for each in finished(most=COMPARED_WITH, before=campaign)])
    return median_of([each for each in known.values() if each.sent])


def median_of(all_figures: Sequence[Figures]) -> Comparison | None:
    """The medians of these campaigns; None when they are too few to say anything."""
    if len(all_figures) < LEAST_TO_COMPARE:
        return None
    rates = [each.rates() for each in all_figures]
    names = ("opens", "clicks", "unsubscribes")
    return Comparison(len(rates), **{name: median(each[name] for each in rates) for name in names})
