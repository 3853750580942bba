"""How many of the people found are on which list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.audience import search
from campaigns.audience.finding import sizes
from campaigns.audience.models import List, Status, Subscriber, Subscription
from campaigns.audience.search import Search
from campaigns.core.db import db


@dataclass(frozen=True, slots=True)
class OnLists:
    """Number of people by list and status."""

    by_list: Mapping[int, Mapping[str, int]]

    def total(self, list_id: int) -> int:
        """How many are on a list, or were."""
        return sum(self.by_list.get(list_id, {}).values())

    def leaving(self, list_id: int) -> int:
        """How many can be unsubscribed from it."""
        held = self.by_list.get(list_id, {})
        return held.get(Status.SUBSCRIBED, 0) + held.get(Status.UNCONFIRMED, 0)


def on_lists(found: Search) -> OnLists:
    """Of the people found; of everybody by what triggers have counted."""
    if not found.is_narrow:
        return OnLists(sizes.of_lists(db.session.scalars(sa.select(List.id)).all()))
    ids = search.found(found).with_only_columns(Subscriber.id)
    rows = db.session.execute(
        sa.select(Subscription.list_id, Subscription.status, sa.func.count())
        .where(Subscription.subscriber_id.in_(ids))
        .group_by(Subscription.list_id, Subscription.status)
    )
    counts: dict[int, dict[str, int]] = {}
    for list_id, status, number in rows:
        counts.setdefault(list_id, {})[status.value] = number
    return OnLists(counts)
