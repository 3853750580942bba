"""Named reads of the ledger: every number is counted, none is kept beside it (G8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.delivery.models import OPEN_STATES, Attempt, Delivery, Reason, State

RATE_OVER = timedelta(minutes=1)


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
    def done(self) -> int:
        return self.audience - self.waiting

    @property
    def percent(self) -> float:
        """Share of the audience that has come to an end, 0 to 100."""
        return 100 * self.done / self.audience if self.audience else 0.0

    @property
    def by_word(self) -> dict[str, int]:
        """Every state's word with its number, also those of nobody."""
        return {state.word: self[state] for state in State}


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts with how fast it goes: mails of the last minute, and when the rest will be out."""

    counts: Counts
    per_minute: int
    expected_end: datetime | None


def counts(campaign_id: int) -> Counts:
    """The states of all recipients of a campaign."""
    rows = db.session.execute(_states(campaign_id)).all()
    return Counts({row.state: row.number for row in rows})


def progress(campaign_id: int, *, now: datetime) -> Progress:
    """Counts, rate and expected end in one scan of the ledger."""
    recent = sa.func.count().filter(Delivery.done_at > now - RATE_OVER, Delivery.state == State.SENT)
    started = sa.func.min(Delivery.done_at).filter(
        Delivery.done_at > now - RATE_OVER, Delivery.state == State.SENT
    )
    later = sa.func.max(Delivery.next_at).filter(Delivery.state == State.DEFERRED)
    columns = (recent.label("recent"), started.label("first"), later.label("later"))
    rows = db.session.execute(_states(campaign_id, *columns)).all()
    found = Counts({row.state: row.number for row in rows})
    number = sum(row.recent for row in rows)
    first = min((row.first for row in rows if row.first), default=None)
    # A send that began a moment ago has no whole minute behind it.
    seconds = max(1.0, (now - first).total_seconds()) if first else RATE_OVER.total_seconds()
    per_second = number / seconds
    expected = None
    if number and found.waiting:
        # Those who are tried again later can't be done before their time, however fast the rest goes.
        retries = [row.later for row in rows if row.later]
        expected = max([now + timedelta(seconds=found.waiting / per_second), *retries])
    return Progress(found, round(per_second * 60), expected)


def reasons(campaign_id: int) -> list[tuple[State, Reason, int]]:
    """How many are in which state for which reason, most first."""
    number = sa.func.count().label("number")
    rows = db.session.execute(
        sa.select(Delivery.state, Delivery.reason, number)
        .where(Delivery.campaign_id == campaign_id, Delivery.is_latest, Delivery.reason.is_not(None))
        .group_by(Delivery.state, Delivery.reason)
        .order_by(number.desc())
    )
    return [(row.state, row.reason, row.number) for row in rows]


def refusals(campaign_id: int, *, most: int = 20) -> list[Any]:
    """The last refusals and doubts: `at, phase, code, text, email, state`."""
    statement = (
        sa.select(Attempt.at, Attempt.phase, Attempt.code, Attempt.text, Subscriber.email, Delivery.state)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.campaign_id == campaign_id)
        .order_by(Attempt.id.desc())
        .limit(most)
    )
    return list(db.session.execute(statement).all())


def attempts(delivery_id: int) -> list[Attempt]:
    """What was refused for one recipient, oldest first."""
    statement = sa.select(Attempt).filter_by(delivery_id=delivery_id).order_by(Attempt.id)
    return list(db.session.scalars(statement))


def _states(campaign_id: int, *columns: Any) -> Any:
    return (
        sa.select(Delivery.state, sa.func.count().label("number"), *columns)
        .where(Delivery.campaign_id == campaign_id, Delivery.is_latest)
        .group_by(Delivery.state)
    )
