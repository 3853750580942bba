"""Estimates from a sample of recipients how many of a campaign's messages go to receivers with a limit.

The receiver of an address is not stored, and a page cannot scan a million addresses. A sample of 1,500 is
accurate to two or three percent; a campaign with fewer is counted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import Delivery, Reason, State, Wave
from campaigns.delivery.progress.eta import ReceiverPace
from campaigns.mail.domains import group_of
from campaigns.planning import recipients
from campaigns.planning.models import Campaign
from campaigns.settings import limits
from campaigns.settings.models import DomainLimit

SAMPLE = 1500


def paces(campaign: Campaign, waiting: int) -> list[ReceiverPace]:
    """The limited receivers among `waiting` messages, with the number of messages and the rate of each."""
    limited = limits.domain_limits()
    if not limited or waiting <= 0:
        return []
    shares = _shares(_some_addresses(campaign, waiting), {each.domain for each in limited})
    queued = tallies.of(campaign.id)[State.DEFERRED, Reason.RECEIVER_LIMIT]
    parts = _parts_of_queue(shares, limited)
    numbers = {name: round(shares[name] * max(0, waiting - queued) + parts[name] * queued) for name in shares}
    return [
        ReceiverPace(numbers[each.domain], each.per_minute / 60) for each in limited if numbers[each.domain]
    ]


def _shares(emails: Sequence[str], names: Collection[str]) -> Mapping[str, float]:
    """Each receiver's share of these addresses, 0 to 1."""
    counts = Counter(group_of(addresses.domain_of(email)) for email in emails)
    return {name: counts[name] / max(1, len(emails)) for name in names}


def _parts_of_queue(shares: Mapping[str, float], limited: Iterable[DomainLimit]) -> Mapping[str, float]:
    """Each one's share of the messages that limits deferred, 0 to 1."""
    weights = {each.domain: shares[each.domain] / each.per_minute for each in limited}
    total = sum(weights.values()) or 1.0
    return {name: weight / total for name, weight in weights.items()}


def _some_addresses(campaign: Campaign, waiting: int) -> Sequence[str]:
    wave = db.session.scalar(
        sa.select(Wave).where(Wave.campaign_id == campaign.id).order_by(Wave.number.desc()).limit(1)
    )
    if wave is None or wave.first_id is None or wave.last_id is None:
        every = max(1, waiting // SAMPLE)
        return recipients.addresses_of_some(recipients.meant_by(campaign), every=every)
    ids: Sequence[int] = range(wave.first_id, wave.last_id + 1)
    if len(ids) > SAMPLE:
        dice = random.Random(campaign.id)  # noqa: S311 the same sample each time: the estimate must not jump
        ids = dice.sample(ids, SAMPLE)
    statement = (
        sa.select(Subscriber.email)
        .join(Delivery, Delivery.subscriber_id == Subscriber.id)
        .where(Delivery.id.in_(ids), Delivery.campaign_id == campaign.id, Delivery.batch_number.is_not(None))
    )
    return db.session.scalars(statement).all()
