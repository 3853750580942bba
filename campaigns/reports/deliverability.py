"""How mail fares at each provider over the last thirty days, and which addresses are about to be suppressed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, Suppression, SuppressionReason
from campaigns.core.db import db
from campaigns.delivery.models import Delivery, State, Wave
from campaigns.inbound.effects import counted, rates
from campaigns.inbound.effects.policy import SUPPRESSED_AT, Score
from campaigns.inbound.models import SoftBounces

LOOKED_BACK = timedelta(days=30)
MOST_PROVIDERS = 20
LEAST = 3  # of complaints or bounces, before their share says anything
MOST_ON_THEIR_WAY = 20
ON_THEIR_WAY_FROM = 0.3 * SUPPRESSED_AT


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, beside the limits of providers."""

    number: int
    whole: int
    warn: float
    bad: float

    @property
    def tone(self) -> str:
        """`good`, `warn` or `bad`; `idle` where nothing was sent."""
        if not self.whole:
            return "idle"
        share = self.number / self.whole
        if self.number < LEAST or share < self.warn:
            return "good"  # one or two prove nothing
        return "bad" if share >= self.bad else "warn"

    @property
    def is_too_high(self) -> bool:
        return self.tone == "bad"

    @property
    def is_high(self) -> bool:
        return self.tone == "warn"


@dataclass(frozen=True, slots=True)
class Provider:
    """What became of the mail to one provider."""

    name: str
    accepted: int
    bounces: Share
    complaints: Share
    blocks: int


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """An address that is near to being suppressed for soft bounces."""

    email: str
    subscriber_id: int
    score: float
    at: datetime

    @property
    def percent(self) -> float:
        """How much of the way it has come, 0 to 1."""
        return min(1.0, self.score / SUPPRESSED_AT)


@dataclass(frozen=True, slots=True)
class Overview:
    """The last thirty days."""

    providers: list[Provider]
    suppressed: list[tuple[SuppressionReason, int]]
    on_their_way: list[OnTheWay]

    @property
    def worst(self) -> list[Provider]:
        """Providers that act, or soon will, on what our recipients report."""
        return [each for each in self.providers if each.complaints.is_too_high or each.bounces.is_too_high]

    @property
    def worst_names(self) -> str:
        """Their names, in the order of the table."""
        return ", ".join(each.name for each in self.worst)


def overview(*, now: datetime) -> Overview:
    """Reads the deliveries of thirty days: seconds for millions."""
    since = now - LOOKED_BACK
    return Overview(_providers(since), _suppressed(since), _on_their_way(now))


def _providers(since: datetime) -> list[Provider]:
    deliveries = sa.join(
        Wave, Delivery, sa.and_(Delivery.campaign_id == Wave.campaign_id, Delivery.wave == Wave.number)
    )
    accepted, hard, complaints, blocked = (
        counted.by_receiver(deliveries, Wave.launched_at >= since, each)
        for each in (Delivery.state == State.SENT, counted.HARD, counted.COMPLAINED, counted.BLOCKED)
    )
    return [
        Provider(
            name=name,
            accepted=number,
            bounces=Share(hard[name], number, rates.BOUNCES_WARN, rates.BOUNCES_BAD),
            complaints=Share(complaints[name], number, rates.COMPLAINTS_WARN, rates.COMPLAINTS_BAD),
            blocks=blocked[name],
        )
        for name, number in accepted.most_common(MOST_PROVIDERS)
    ]


def _suppressed(since: datetime) -> list[tuple[SuppressionReason, int]]:
    number = sa.func.count().label("number")
    rows = db.session.execute(
        sa.select(Suppression.reason, number)
        .where(Suppression.created_at >= since)
        .group_by(Suppression.reason)
        .order_by(number.desc(), Suppression.reason)
    )
    return [(row[0], row[1]) for row in rows]


def _on_their_way(now: datetime) -> list[OnTheWay]:
    rows = db.session.execute(
        sa.select(SoftBounces, Subscriber.email, Subscriber.id)
        .join(Subscriber, Subscriber.address_key == SoftBounces.address_key)
        .outerjoin(Suppression, Suppression.address_key == SoftBounces.address_key)
        .where(
            SoftBounces.score >= ON_THEIR_WAY_FROM,
            Suppression.id.is_(None),
            # Who has opened something since begins anew with the next bounce.
            sa.or_(Subscriber.last_opened_at.is_(None), Subscriber.last_opened_at <= SoftBounces.at),
        )
        .order_by(SoftBounces.score.desc(), SoftBounces.at.desc())
        .limit(MOST_ON_THEIR_WAY * 5)
    )
    found = [OnTheWay(row[1], row[2], Score(row[0].score, row[0].at).after(now), row[0].at) for row in rows]
    near = [each for each in found if each.score >= ON_THEIR_WAY_FROM]
    return sorted(near, key=lambda each: -each.score)[:MOST_ON_THEIR_WAY]
