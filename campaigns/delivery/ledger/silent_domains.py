"""Domains that report every recipient of a campaign as unknown: the fault may be the domain's, not the
addresses'.

A misconfigured mail server reports that for all its people for an hour. It does not stop other recipients'
email, and no address is suppressed for it the first time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.delivery.models import Bounce, Delivery, State

AT_LEAST = 10  # bounces
MOST_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class SilentDomain:
    """A domain where `bounces` recipients bounced and none was accepted. `key`: its keyed hash."""

    key: str
    bounces: int


def of(campaign_id: int, *, after: int = 0) -> list[SilentDomain]:
    """The domains with the most bounces first, counting bounces after the one with the id `after`."""
    number = sa.func.count().label("number")
    rows = db.session.execute(
        sa.select(Bounce.domain_key, number)
        .where(Bounce.campaign_id == campaign_id, Bounce.id > after)
        .group_by(Bounce.domain_key)
        .having(number >= AT_LEAST)
        .order_by(number.desc(), Bounce.domain_key)
        .limit(MOST_LOOKED_AT)
    ).all()
    return [
        SilentDomain(row.domain_key, row.number) for row in rows if not _accepts(campaign_id, row.domain_key)
    ]


def at(keys: Collection[str]) -> sa.ColumnElement[bool]:
    """SQL condition: the bounce is at one of these domains."""
    return Bounce.domain_key.in_(keys)


def _accepts(campaign_id: int, key: str) -> bool:
    """Whether any recipient there got the campaign. Fast for a large domain, else a scan of all people."""
    somebody = (
        sa.select(Subscriber.address)
        .join(Bounce, Bounce.address_key == Subscriber.address_key)
        .where(Bounce.campaign_id == campaign_id, Bounce.domain_key == key)
    )
    address = db.session.scalar(somebody.limit(1))
    if address is None:
        return False  # all of its people were erased
    sent: Any = sa.select(sa.literal_column("1")).where(
        Delivery.campaign_id == campaign_id,
        Delivery.subscriber_id == Subscriber.id,
        Delivery.state == State.SENT,
    )
    there = Subscriber.address.endswith(f"@{addresses.domain_of(address)}", autoescape=True)
    found = sa.select(Subscriber.id).where(there, sent.correlate(Subscriber).exists())
    return db.session.scalar(found.limit(1)) is not None
