"""Results of campaigns: every figure is counted over the ledger, for human activity only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.ledger.resend import FAILED_STATES
from campaigns.delivery.models import Delivery, State
from campaigns.planning.models import Campaign, Status

COMPARED_WITH = 10
LEAST_TO_COMPARE = 5
SETTLED_AFTER = timedelta(hours=24)  # most opens have happened by then


class Shares:
    """What every percentage of a campaign is a part of, on pages and in sentences alike: nowhere else."""

    __slots__ = ()
    wanted: int
    sent: int

    def of_wanted(self, number: int) -> float | None:
        """For delivered, failed and other states: of all but those skipped at launch. 0 to 1, None without anybody."""
        return number / self.wanted if self.wanted else None

    def of_sent(self, number: int) -> float | None:
        """For opened, clicked and unsubscribed: of those who got it. 0 to 1, None without anybody."""
        return number / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class Figures(Shares):
    """People, each counted once. `sent`: those whose email was accepted and has not come back."""

    audience: int = 0
    wanted: int = 0  # without the skipped
    sent: int = 0
    opens: int = 0
    clicks: int = 0
    unsubscribes: int = 0
    failed: int = 0
    bounced: int = 0
    complaints: int = 0
    replies: int = 0

    def rates(self) -> dict[str, float]:
        """Shares of the people sent to, 0 to 1; 0 without anybody."""
        found = {"opens": self.opens, "clicks": self.clicks, "unsubscribes": self.unsubscribes}
        return {name: self.of_sent(number) or 0.0 for name, number in found.items()}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of those mailed did something, their share (0 to 1, None without anybody), and the usual share; None
    where there is nothing to compare with."""

    number: int
    share: float | None
    usual: float | None

    @property
    def is_above(self) -> bool:
        """Whether it is more than usual, by at least a tenth of a percent."""
        return self._away > 0

    @property
    def is_below(self) -> bool:
        return self._away < 0

    @property
    def _away(self) -> int:
        return 0 if self.usual is None else round(((self.share or 0.0) - self.usual) * 1000)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians over `campaigns` previous campaigns: shares of the people sent to, 0 to 1."""

    campaigns: int
    opens: float
    clicks: float
    unsubscribes: float


def figures(campaign_ids: Sequence[int]) -> dict[int, Figures]:
    """The figures of each of these campaigns; zeros for one that was not sent."""
    opens, clicks, unsubscribes, complaints, replies = (
        _who_did(column, campaign_ids)
        for column in (
            *(Delivery.opened_at, Delivery.clicked_at, Delivery.unsubscribed_at),
            *(Delivery.complained_at, Delivery.replied_at),
        )
    )
    found = {}
    for each in campaign_ids:
        counts = delivery_queries.counts(each)
        found[each] = Figures(
            audience=counts.audience,
            wanted=counts.wanted,
            sent=counts[State.SENT],
            opens=opens.get(each, 0),
            clicks=clicks.get(each, 0),
            unsubscribes=unsubscribes.get(each, 0),
            failed=sum(counts[state] for state in FAILED_STATES),
            bounced=counts[State.BOUNCED],
            complaints=complaints.get(each, 0),
            replies=replies.get(each, 0),
        )
    return found


def _who_did(column: Any, campaign_ids: Sequence[int]) -> dict[int, int]:
    """Number of people by campaign for whom the column is set, read from its partial index."""
    rows = db.session.execute(
        sa.select(Delivery.campaign_id, sa.func.count())
        .where(Delivery.campaign_id.in_(campaign_ids), Delivery.is_latest, column.is_not(None))
        .group_by(Delivery.campaign_id)
    )
    return {row[0]: row[1] for row in rows}


def finished(*, most: int, before: Campaign | None = None, by: datetime | None = None) -> list[Campaign]:
    """Finished campaigns, latest first; `before`: only those that started before that one, `by`: only those
    that had ended by then.
    """
    statement = (
        sa.select(Campaign)
        .where(Campaign.status == Status.FINISHED, Campaign.started_at.is_not(None))
        .order_by(Campaign.started_at.desc(), Campaign.id.desc())
        .limit(most)
        .options(sa.orm.defer(Campaign.html), sa.orm.defer(Campaign.text))
    )
    if before is not None and before.started_at is not None:
        statement = statement.where(Campaign.started_at <= before.started_at, Campaign.id != before.id)
    if by is not None:
        statement = statement.where(Campaign.finished_at <= by)
    return list(db.session.scalars(statement))


def is_settled(campaign: Campaign, *, now: datetime) -> bool:
    """Whether it was sent long enough ago to be compared with others."""
    return campaign.finished_at is not None and campaign.finished_at <= now - SETTLED_AFTER


def comparison(campaign: Campaign, *, now: datetime) -> Comparison | None:
    """Medians of the last ten campaigns before this one; None if there are too few, or it is too early."""
    if not is_settled(campaign, now=now):
        return None
    return usual(before=campaign, now=now)


def usual(*, before: Campaign | None = None, now: datetime) -> Comparison | None:
    """Medians of the last ten comparable campaigns."""
    found = finished(most=COMPARED_WITH, before=before, by=now - SETTLED_AFTER)
    known = figures([each.id for each in found])
    return median_of([each for each in known.values() if each.sent])


def median_of(all_figures: Sequence[Figures]) -> Comparison | None:
    """Medians of these campaigns; None if there are too few."""
    if len(all_figures) < LEAST_TO_COMPARE:
        return None
    rates = [each.rates() for each in all_figures]
    names = ("opens", "clicks", "unsubscribes")
    return Comparison(len(rates), **{name: median(each[name] for each in rates) for name in names})
