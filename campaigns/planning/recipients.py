"""Who gets a campaign and who does not: one SELECT, used to write the ledger and to count the funnel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Status, Subscriber, Subscription, Suppression
from campaigns.core.db import db
from campaigns.planning.models import Campaign

LISTS_LOOKED_AT = 20  # to find a few people for previews


class LeftOut(StrEnum):
    """Why a person on the lists is left out; the same words as the ledger's reasons."""

    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


# For a person on several lists, the best status counts: one subscription is enough.
_STANDING = sa.case(
    (Subscription.status == Status.SUBSCRIBED, 0), (Subscription.status == Status.UNSUBSCRIBED, 1), else_=2
)


@dataclass(frozen=True, slots=True)
class Funnel:
    """The number of people on the lists, and how many are left out at each step."""

    on_lists: int  # subscriptions in any status
    duplicates: int  # additional subscriptions of people on several of the lists
    unconfirmed: int
    unsubscribed: int
    suppressed: int

    @property
    def will_get_it(self) -> int:
        return self.on_lists - self.duplicates - self.unconfirmed - self.unsubscribed - self.suppressed


def select_for_ledger(list_ids: Collection[int]) -> sa.Select[Any]:
    """One row per person on the lists: `subscriber_id, address_key, reason` (NULL: gets the campaign)."""
    best = _best_standings(list_ids).subquery("best")
    reason = sa.case(
        (best.c.standing == 1, LeftOut.UNSUBSCRIBED.value),
        (best.c.standing == 2, LeftOut.UNCONFIRMED.value),
        (Suppression.id.is_not(None), LeftOut.SUPPRESSED.value),
        else_=None,
    )
    return (
        sa.select(Subscriber.id.label("subscriber_id"), Subscriber.address_key, reason.label("reason"))
        .join(best, best.c.subscriber_id == Subscriber.id)
        .outerjoin(Suppression, Suppression.address_key == Subscriber.address_key)
    )


def subscribed(list_ids: Collection[int]) -> int:
    """Number of subscriptions to these lists, people on two of them counted twice: fast, an estimate."""
    statement = sa.select(sa.func.count()).select_from(Subscription)
    wanted = statement.where(Subscription.list_id.in_(list_ids), Subscription.status == Status.SUBSCRIBED)
    return db.session.scalar(wanted) or 0


def _best_standings(list_ids: Collection[int]) -> sa.Select[Any]:
    on_lists = Subscription.list_id.in_(list_ids)
    if len(list_ids) == 1:  # no duplicates, so no grouping of a million rows
        return sa.select(Subscription.subscriber_id, _STANDING.label("standing")).where(on_lists)
    best: Any = sa.func.min(_STANDING).label("standing")
    return sa.select(Subscription.subscriber_id, best).where(on_lists).group_by(Subscription.subscriber_id)


def audience_of(campaign: Campaign) -> Funnel:
    """The campaign's funnel as of now."""
    return funnel([each.id for each in campaign.lists])


def funnel(list_ids: Collection[int]) -> Funnel:
    """The funnel of these lists together."""
    on_lists = db.session.scalar(
        sa.select(sa.func.count()).select_from(Subscription).where(Subscription.list_id.in_(list_ids))
    )
    people = select_for_ledger(list_ids).subquery()
    rows = db.session.execute(sa.select(people.c.reason, sa.func.count()).group_by(people.c.reason))
    counts: dict[str | None, int] = {row[0]: row[1] for row in rows}
    return Funnel(
        on_lists=on_lists or 0,
        duplicates=(on_lists or 0) - sum(counts.values()),
        unconfirmed=counts.get(LeftOut.UNCONFIRMED, 0),
        unsubscribed=counts.get(LeftOut.UNSUBSCRIBED, 0),
        suppressed=counts.get(LeftOut.SUPPRESSED, 0),
    )


def some_who_get_it(list_ids: Collection[int], *, most: int) -> list[Subscriber]:
    """The newest people who will get it, for previews; of very many lists, only some are read."""
    found: dict[int, Subscriber] = {}
    for number, list_id in enumerate(sorted(list_ids)):
        if number >= LISTS_LOOKED_AT and len(found) >= most:
            break
        found |= {each.id: each for each in _newest_of(list_id, most)}
    return sorted(found.values(), key=lambda each: -each.id)[:most]


def _newest_of(list_id: int, most: int) -> Sequence[Subscriber]:
    """The newest of a list, read from its newest down until there are enough: a preview neither reads a list
    of a million nor, for a small list, everyone on all the others.
    """
    is_suppressed = sa.exists().where(Suppression.address_key == Subscriber.address_key)
    statement = (
        sa.select(Subscriber)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(Subscription.list_id == list_id, Subscription.status == Status.SUBSCRIBED, ~is_suppressed)
        .order_by(Subscription.subscriber_id.desc())
        .limit(most)
    )
    return db.session.scalars(statement).all()


def addresses_of_some(list_ids: Collection[int], *, every: int) -> Sequence[str]:
    """The addresses of one in `every` recipients: a sample."""
    people = select_for_ledger(list_ids).subquery()
    statement = (
        sa.select(Subscriber.email)
        .join(people, people.c.subscriber_id == Subscriber.id)
        .where(people.c.reason.is_(None), people.c.subscriber_id % every == 0)
    )
    return db.session.scalars(statement).all()
