"""Who gets a campaign and who does not: one SELECT, used to write the ledger and to count the funnel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Status, Subscriber, Subscription, Suppression
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.segments.compiling import there_is
from campaigns.audience.segments.models import Segment
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.time_limit import TookTooLong, time_limit
from campaigns.planning.models import Campaign

LISTS_LOOKED_AT = 20  # to find a few people for previews
PREVIEW_WITHIN_S = 2.0  # to find those of them who are in a segment
COUNT_WITHIN_S = 30.0


class LeftOut(StrEnum):
    """Why a person on the lists is left out; the same words as the ledger's reasons."""

    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    NOT_IN_SEGMENT = "not_in_segment"
    EXCLUDED = "excluded"


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
    not_in_segment: int = 0
    excluded: int = 0

    @property
    def will_get_it(self) -> int:
        statuses = self.unconfirmed + self.unsubscribed + self.suppressed
        return self.on_lists - self.duplicates - statuses - self.not_in_segment - self.excluded


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is meant: people on the lists; only those of whom a condition holds, if there is one; without those on
    other lists, in any state there, and those of whom another condition holds. Conditions are on `Subscriber`.
    """

    list_ids: Collection[int]
    only: sa.ColumnElement[bool] | None = None
    without: sa.ColumnElement[bool] | None = None
    excluded_list_ids: Collection[int] = ()


def meant_by(campaign: Campaign, *, at: datetime | None = None) -> Audience:
    """The campaign's audience; its segments are asked on the day of `at`, or today.

    Raises Invalid for a segment that needs a correction.
    """
    at = at or clock.now()
    return Audience(
        list_ids=[each.id for each in campaign.lists],
        only=_in_any(campaign.segments, at),
        without=_in_any(campaign.excluded_segments, at),
        excluded_list_ids=[each.id for each in campaign.excluded_lists],
    )


def _in_any(segments: Iterable[Segment], at: datetime) -> sa.ColumnElement[bool] | None:
    conditions = [segment_queries.where(each, at) for each in segments]
    return sa.or_(*conditions) if conditions else None


def select_for_ledger(audience: Audience) -> sa.Select[Any]:
    """One row per person on the lists: `subscriber_id, address_key, reason` (NULL: gets the campaign)."""
    best = _best_standings(audience.list_ids).subquery("best")
    reason = sa.case(
        (best.c.standing == 1, LeftOut.UNSUBSCRIBED.value),
        (best.c.standing == 2, LeftOut.UNCONFIRMED.value),
        (Suppression.id.is_not(None), LeftOut.SUPPRESSED.value),
        *((condition, why.value) for condition, why in _narrowing(audience)),
        else_=None,
    )
    found = (
        sa.select(Subscriber.id.label("subscriber_id"), Subscriber.address_key, reason.label("reason"))
        .join(best, best.c.subscriber_id == Subscriber.id)
        .outerjoin(Suppression, Suppression.address_key == Subscriber.address_key)
    )
    # Otherwise both databases ask the conditions again wherever the statement around this one uses the reason.
    return found.offset(0) if _narrowing(audience) else found


def _narrowing(audience: Audience) -> list[tuple[Any, LeftOut]]:
    """Conditions under which a person is left out although subscribed, each with the reason."""
    found: list[tuple[Any, LeftOut]] = []
    if audience.only is not None:
        found.append((sa.not_(audience.only), LeftOut.NOT_IN_SEGMENT))
    if audience.excluded_list_ids:
        is_on = there_is(
            Subscription.subscriber_id == Subscriber.id, Subscription.list_id.in_(audience.excluded_list_ids)
        )
        found.append((is_on, LeftOut.EXCLUDED))
    if audience.without is not None:
        found.append((audience.without, LeftOut.EXCLUDED))
    return found


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


def audience_of(campaign: Campaign, *, at: datetime | None = None) -> Funnel:
    """The campaign's funnel on the day of `at`, or today. Raises Invalid for a segment that needs a correction,
    TookTooLong.
    """
    audience = meant_by(campaign, at=at)
    if audience.only is None and audience.without is None:
        return funnel(audience)
    with time_limit(COUNT_WITHIN_S):
        return funnel(audience)


def funnel(audience: Audience) -> Funnel:
    """The funnel of an audience."""
    on_lists = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(Subscription)
        .where(Subscription.list_id.in_(audience.list_ids))
    )
    people = select_for_ledger(audience).subquery()
    rows = db.session.execute(sa.select(people.c.reason, sa.func.count()).group_by(people.c.reason))
    counts: dict[str | None, int] = {row[0]: row[1] for row in rows}
    return Funnel(
        on_lists=on_lists or 0,
        duplicates=(on_lists or 0) - sum(counts.values()),
        **{each.value: counts.get(each.value, 0) for each in LeftOut},
    )


def some_who_get_it(audience: Audience, *, most: int) -> list[Subscriber]:
    """The newest people who will get it, for previews; of very many lists, only some are read. Where it would take
    too long to find those in a segment, anybody on the lists.
    """
    narrowing = [sa.not_(condition) for condition, _why in _narrowing(audience)]
    if not narrowing:
        return _newest(audience, most, [])
    try:
        with time_limit(PREVIEW_WITHIN_S):
            return _newest(audience, most, narrowing)
    except TookTooLong:
        return _newest(audience, most, [])


def _newest(audience: Audience, most: int, narrowing: Sequence[Any]) -> list[Subscriber]:
    found: dict[int, Subscriber] = {}
    for number, list_id in enumerate(sorted(audience.list_ids)):
        if number >= LISTS_LOOKED_AT and len(found) >= most:
            break
        found |= {each.id: each for each in _newest_of(list_id, most, narrowing)}
    return sorted(found.values(), key=lambda each: -each.id)[:most]


def _newest_of(list_id: int, most: int, narrowing: Sequence[Any]) -> Sequence[Subscriber]:
    """The newest of a list, read from its newest down until there are enough: a preview neither reads a list
    of a million nor, for a small list, everyone on all the others.
    """
    is_suppressed = sa.exists().where(Suppression.address_key == Subscriber.address_key)
    here = sa.and_(Subscription.list_id == list_id, Subscription.status == Status.SUBSCRIBED)
    statement = (
        sa.select(Subscriber)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(here, ~is_suppressed, *narrowing)
        .order_by(Subscription.subscriber_id.desc())
        .limit(most)
    )
    return db.session.scalars(statement).all()


def addresses_of_some(audience: Audience, *, every: int) -> Sequence[str]:
    """The addresses of one in `every` recipients: a sample."""
    people = select_for_ledger(audience).subquery()
    statement = (
        sa.select(Subscriber.email)
        .join(people, people.c.subscriber_id == Subscriber.id)
        .where(people.c.reason.is_(None), people.c.subscriber_id % every == 0)
    )
    return db.session.scalars(statement).all()
