"""What must hold after a course: the guarantees, each compared with the server's record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, Suppression, SuppressionReason
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.delivery import queries
from campaigns.delivery.models import Bounce, Delivery, State
from campaigns.delivery.sender import lane_runner
from campaigns.planning.models import Status
from campaigns.settings import queries as settings_queries
from tests.simulation.wire import Book

PAUSE_HOLDS_S = 2.5
RECHECKED_S = 4.0


@dataclass
class Facts:
    """What happened, in seconds of the simulation's clock."""

    left: dict[str, float] = field(default_factory=dict)  # address -> when it unsubscribed
    held: list[tuple[float, float]] = field(default_factory=list)  # when nothing may begin
    killed: set[str] = field(default_factory=set)  # addresses that a killed lane had handed over
    marked: set[str] = field(default_factory=set)  # addresses that were `sending` while their lane was frozen

    def stood_still(self, since: float, until: float) -> None:
        """A lane could not notice anything between these moments; a lane that started meanwhile could."""
        hidden = [(at, end) for at, end in self.held if since - RECHECKED_S < at <= until]
        seen = [each for each in self.held if each not in hidden]
        meanwhile = [(at, min(until, end)) for at, end in hidden if at > since]
        self.held = [*seen, *meanwhile, *((until, end) for _at, end in hidden if end > until)]
        for who, at in self.left.items():
            self.left[who] = until if since - RECHECKED_S < at else at


class Promises:
    """`problems` is empty if all promises were kept."""

    def __init__(self, campaign_id: int, book: Book, facts: Facts, *, people: int, holds: bool) -> None:
        self._campaign_id = campaign_id
        self._book = book
        self._facts = facts
        self._people = people
        self._holds = holds
        self.problems: list[str] = []
        self.copies = 0

    def check(self, status: Status) -> None:
        """Check all promises."""
        rows = db.session.execute(
            sa.select(Subscriber.email, Delivery.state, Delivery.reason)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Delivery.is_latest)
        ).all()
        self._that(status in (Status.FINISHED, Status.CANCELLED), "G2: it never ends", status)
        self._that(len(rows) == self._people, "G1: rows", len(rows))
        told = queries.counts(self._campaign_id).by_word
        counted = Counter(State(row.state).word for row in rows)
        self._that({word: n for word, n in told.items() if n} == dict(counted), "G8: counts", told, counted)
        for row in rows:
            self._check_one(row.email, State(row.state), row.reason)
        self._check_beginnings()
        self._check_copies()
        self._check_suppressions([row.email for row in rows])
        folder = lane_runner.journals()
        left = list(folder.glob("*.new")) if folder.exists() else []
        self._that(not left, "a journal half made", left)

    def _is_in_doubt(self, who: str) -> bool:
        return bool(self._book.doubts[who]) or who in self._facts.killed

    def _check_one(self, who: str, state: State, reason: Any) -> None:
        accepted = self._book.accepted[who]
        self._that(state.is_final, "G2: still open", who, state)
        if state is State.SENT:
            self._that(accepted > 0, "G2: sent without an acceptance", who)
        elif accepted:
            self._that(self._is_in_doubt(who), "G2: accepted, and not sent", who, state, reason)
        if state is State.UNKNOWN:
            is_open = self._is_in_doubt(who) or who in self._facts.marked
            self._that(is_open, "unknown without a fault after the end", who, reason)
        if state is State.FAILED:
            self._that(reason is not None, "G2: failed without a reason", who)

    def _check_beginnings(self) -> None:
        for what, moments in (("begun", self._book.begun), ("ended", self._book.ended)):
            for at, who in moments:
                for since, until in self._facts.held:
                    is_held = since + PAUSE_HOLDS_S < at < until
                    self._that(not is_held, f"G5: {what} after a stop", who, at - since)
                left = self._facts.left.get(who)
                self._that(left is None or at <= left + RECHECKED_S, f"G4: {what} after leaving", who)

    def _check_copies(self) -> None:
        for who, copies in self._book.accepted.items():
            self.copies += copies - 1
            most = 1 if self._holds or not self._is_in_doubt(who) else 2
            self._that(copies <= most, "G3: copies", who, copies, "of", most)

    def _check_suppressions(self, people: list[str]) -> None:
        """Only addresses reported as unknown are suppressed or counted as bounces."""
        key = settings_queries.link_key()
        unknown = {signing.address_key(key, who) for who in people if self._book.unknown[who]}
        bounced = sa.select(Suppression.address_key).filter_by(reason=SuppressionReason.HARD_BOUNCE)
        for what, rows in (("suppressed", bounced), ("bounced", sa.select(Bounce.address_key))):
            found = set(db.session.scalars(rows))
            self._that(found <= unknown, what, "and was not said to be unknown:", len(found - unknown))

    def _that(self, is_true: bool, *words: object) -> None:
        if not is_true:
            self.problems.append(" ".join(str(each) for each in words))
