"""Named reads of the ledger; every number equals a count of the rows (G8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import ACCEPTED, OPEN_STATES, Attempt, Batch, Delivery, Reason, State, Wave
from campaigns.delivery.progress import holdups
from campaigns.planning import queries as planning_queries

HAS_BOUNCED = sa.and_(Delivery.bounced_at.is_not(None), Delivery.state.in_(ACCEPTED))
RATE_OVER = timedelta(seconds=30)
RATE_BATCHES = 20


def became(outcome: State) -> sa.ColumnElement[bool]:
    """SQL condition: that is what pages call the recipient (`Delivery.outcome`)."""
    if outcome is State.BOUNCED:
        return HAS_BOUNCED
    state = Delivery.state == outcome
    return sa.and_(state, Delivery.bounced_at.is_(None)) if outcome in ACCEPTED else state


@dataclass(frozen=True, slots=True)
class Counts:
    """How many recipients are in each state, each person once."""

    states: dict[State, int] = field(default_factory=dict)

    def __getitem__(self, state: State) -> int:
        return self.states.get(state, 0)

    @property
    def audience(self) -> int:
        return sum(self.states.values())

    @property
    def waiting(self) -> int:
        return sum(self[state] for state in OPEN_STATES)

    @property
    def wanted(self) -> int:
        """Recipients without the skipped: the base of every percentage."""
        return self.audience - self[State.SKIPPED]

    @property
    def done(self) -> int:
        """How many of those are final."""
        return self.wanted - self.waiting

    @property
    def percent(self) -> float:
        """Share of final recipients, 0 to 100, rounded to one decimal."""
        return round(100 * self.done / self.wanted, 1) if self.wanted else 0.0

    @property
    def by_word(self) -> dict[str, int]:
        """Number of recipients by name of the state, including zeros."""
        return {state.word: self[state] for state in State}


@dataclass(frozen=True, slots=True)
class StateRow:
    """How many recipients are in a state, and for which reasons."""

    state: State
    number: int
    reasons: list[tuple[Reason, int]]

    @property
    def has_share(self) -> bool:
        """Whether they belong to those of whom shares are."""
        return self.state is not State.SKIPPED


def state_rows(
    states: Iterable[tuple[State, int]], reasons: Iterable[tuple[State, Reason, int]]
) -> list[StateRow]:
    """The states that somebody is in, each with its reasons."""
    known = list(reasons)
    return [
        StateRow(state, number, [(reason, part) for kind, reason, part in known if kind == state])
        for state, number in states
        if number
    ]


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts, the rate over the last half minute, and the expected end."""

    counts: Counts
    per_minute: int
    expected_end: datetime | None


def counts(campaign_id: int) -> Counts:
    """The states of all recipients of a campaign."""
    return _counts(tallies.of(campaign_id), _bounced(campaign_id))


def progress(campaign_id: int, *, now: datetime) -> Progress:
    """Counts, rate and expected end."""
    found = counts(campaign_id)
    since = _rate_since(campaign_id, now)
    is_recent = sa.and_(Delivery.done_at > since, Delivery.state == State.SENT)
    row = db.session.execute(_recent(campaign_id, since, is_recent)).one()
    # A send that has just begun has no half minute behind it.
    seconds = max(1.0, (now - (row.first or since)).total_seconds())
    per_second = (row.number or 0) / seconds
    expected = None
    if found.waiting:
        expected = holdups.expected_end(
            planning_queries.campaign(campaign_id), found.waiting, per_second=per_second, now=now
        )
    if expected is not None:
        # Deferred recipients cannot be done before their time, however fast the rest is.
        retries = [each for each in (row.later, _last_retry(campaign_id)) if each]
        expected = max([expected, *retries])
    return Progress(found, round(per_second * 60), expected)


def reasons(campaign_id: int) -> list[tuple[State, Reason, int]]:
    """Number of recipients by state and reason, most frequent first."""
    found = tallies.of(campaign_id)
    return [(state, reason, number) for (state, reason), number in found.most_common() if reason]


def refusals(campaign_id: int, *, most: int = 20) -> list[Any]:
    """The latest `most` refusals and doubts: rows with `at, phase, code, text, email, state`."""
    statement = (
        sa.select(Attempt.at, Attempt.phase, Attempt.code, Attempt.text, Subscriber.email, Delivery.state)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.campaign_id + 0 == campaign_id)  # read from attempts to rows, not the other way
        .order_by(Attempt.id.desc())
        .limit(most)
    )
    return list(db.session.execute(statement).all())


def ids_of(campaign_id: int) -> tuple[int, int] | None:
    """First and last id of the campaign's rows; None when there are none or the range is unknown."""
    first, last = sa.func.min(Wave.first_id), sa.func.max(Wave.last_id)
    row = db.session.execute(sa.select(first, last).where(Wave.campaign_id == campaign_id)).one()
    return (row[0], row[1]) if row[0] is not None and row[1] is not None else None


def attempts(delivery_id: int) -> list[Attempt]:
    """Refused attempts for one recipient, oldest first."""
    statement = sa.select(Attempt).filter_by(delivery_id=delivery_id).order_by(Attempt.id)
    return list(db.session.scalars(statement))


def _counts(found: Counter[tallies.Key], bounced: dict[State, int]) -> Counts:
    states: Counter[State] = Counter()
    for (state, _reason), number in found.items():
        states[state] += number
    for state, number in bounced.items():
        states[state] -= number
        states[State.BOUNCED] += number
    return Counts({state: number for state, number in states.items() if number})


def _bounced(campaign_id: int) -> dict[State, int]:
    """How many came back after they had been sent, by the state that they are in."""
    rows = db.session.execute(
        sa.select(Delivery.state, sa.func.count())
        .where(Delivery.campaign_id == campaign_id, Delivery.is_latest, HAS_BOUNCED)
        .group_by(Delivery.state)
    )
    return {row[0]: row[1] for row in rows}


def emailed_since(subscriber_ids: Sequence[int], since: datetime) -> set[int]:
    """Those of these people who are recipients of a campaign that was launched since."""
    campaigns = sa.select(Wave.campaign_id).where(Wave.launched_at >= since)
    statement = sa.select(Delivery.subscriber_id).where(
        Delivery.campaign_id.in_(campaigns), Delivery.subscriber_id.in_(subscriber_ids)
    )
    return set(db.session.scalars(statement))


def _rate_since(campaign_id: int, now: datetime) -> datetime:
    """Half a minute ago, or later if a few batches are enough to measure the rate."""
    before = (
        sa.select(Batch.settled_at)
        .where(Batch.campaign_id == campaign_id, Batch.settled_at > now - RATE_OVER)
        .order_by(Batch.settled_at.desc())
        .offset(RATE_BATCHES)
        .limit(1)
    )
    return db.session.scalar(before) or now - RATE_OVER


def _recent(campaign_id: int, since: datetime, is_recent: sa.ColumnElement[bool]) -> Any:
    """Sent since `since`: those are in batches that were settled since, or that lanes hold."""
    rows = tallies.in_batches(
        (
            sa.func.count().filter(is_recent).label("number"),
            sa.func.min(Delivery.done_at).filter(is_recent).label("first"),
            sa.func.max(Delivery.next_at).filter(Delivery.state == State.DEFERRED).label("later"),
        ),
        Batch.campaign_id == campaign_id,
        sa.or_(Batch.tally.is_(None), Batch.settled_at > since),
    ).subquery()
    return sa.select(
        sa.cast(sa.func.sum(rows.c.number), sa.Integer).label("number"),
        sa.func.min(rows.c.first).label("first"),
        sa.func.max(rows.c.later).label("later"),
    )


def _last_retry(campaign_id: int) -> datetime | None:
    statement = sa.select(sa.func.max(Batch.last_at)).where(Batch.campaign_id == campaign_id)
    return db.session.scalar(statement)
