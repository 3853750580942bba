"""Receivers in trouble, which accept less of our mail for a while; what one lane learns, all lanes know.

Messages to them are deferred in the ledger without charging an attempt, and all others go on at full speed.
When the wait is over, a few messages test whether the receiver accepts mail again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import sqlalchemy as sa

from campaigns.core import addresses
from campaigns.delivery.ledger.outcomes import Strain, Verdict
from campaigns.delivery.limits import receiver_rows
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.mail import domain_backoff, domains
from campaigns.mail.domain_backoff import Condition
from campaigns.mail.protocol import in_words

LOOK_EVERY_S = 1.0
MOST_ON_TRIAL = 5  # messages of a window
TRIAL_WAIT = timedelta(seconds=30)  # for the other messages, while those are under way


class Row(Protocol):
    """What a row has to offer that is about to be sent."""

    @property
    def id(self) -> int: ...
    @property
    def email(self) -> str | None: ...
    def horizon_from(self, now: datetime) -> datetime: ...


R = TypeVar("R", bound=Row)


class Receivers:
    """What one lane knows about receivers in trouble; used inside the lane's transactions."""

    def __init__(self, *, horizon: timedelta) -> None:
        self._horizon = horizon
        self._is_quiet = True  # no receiver is in trouble
        self._looked = -LOOK_EVERY_S
        # For this window: no more entries than it has messages, however many receivers are in trouble.
        self._conditions: dict[str, Condition] = {}
        self._by_domain: dict[str, str] = {}
        self._trials: Counter[str] = Counter()

    def group_of(self, email: str) -> str:
        """The receiver of an address, as `mail.domains.group_of` names it."""
        domain = addresses.domain_of(email)
        return self._by_domain.get(domain) or domains.group_of(domain)

    def look(self, connection: sa.Connection) -> None:
        """For each window: check, at most once a second, whether any lane has found trouble."""
        self._trials.clear()
        self._conditions.clear()
        self._by_domain.clear()
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._is_quiet = not receiver_rows.is_any(connection)
        self._looked = time.monotonic()

    def sort_out(self, connection: sa.Connection, rows: Sequence[R], *, now: datetime) -> list[R]:
        """The rows that may be sent now; the others are deferred, or expired after too long a wait."""
        if self._is_quiet or not rows:
            return list(rows)
        self._read_of(connection, rows)
        going: list[R] = []
        waiting: dict[datetime, list[R]] = {}
        for row in rows:
            until = self._until(self.group_of(row.email or ""), now)
            if until is None:
                going.append(row)
            else:
                waiting.setdefault(until, []).append(row)
        for until, some in waiting.items():
            self._put_off(connection, some, until, now)
        return going

    def note(self, connection: sa.Connection, verdicts: Sequence[Verdict], *, now: datetime) -> None:
        """Learn from answers. Writes only for receivers that are, or were, in trouble."""
        by_group: dict[str, list[Verdict]] = {}
        for each in verdicts:
            if each.group:
                by_group.setdefault(each.group, []).append(each)
        strained = [name for name, some in by_group.items() if any(each.strain for each in some)]
        if not strained and self._is_quiet:
            return
        self._is_quiet = False
        known = receiver_rows.read(connection, by_group, is_locked=True)
        found: dict[str, tuple[Condition, str]] = {}
        gone: list[str] = []
        for name in sorted({*strained, *known}):
            strains = [each for each in by_group[name] if each.strain]
            condition = _after(known.get(name), by_group[name], strains, now)
            if condition is None:
                gone.append(name)
            elif condition != known.get(name):
                found[name] = condition, _words(strains)
        receiver_rows.remove(connection, [name for name in gone if name in known])
        receiver_rows.write(connection, found)

    def _read_of(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Read the conditions of these rows' receivers, including receivers found by mail exchanger."""
        theirs = {addresses.domain_of(row.email or "") for row in rows}
        self._by_domain |= receiver_rows.receivers_of(connection, theirs)
        groups = {self._by_domain.get(domain) or domains.group_of(domain) for domain in theirs}
        self._conditions |= receiver_rows.read(connection, groups)

    def _until(self, group: str, now: datetime) -> datetime | None:
        condition = self._conditions.get(group)
        if condition is None or condition.next_at is None:
            return None
        if condition.is_suspended(now):
            return condition.next_at
        self._trials[group] += 1
        return now + TRIAL_WAIT if self._trials[group] > MOST_ON_TRIAL else None

    def _put_off(
        self, connection: sa.Connection, rows: Iterable[Row], until: datetime, now: datetime
    ) -> None:
        late: list[int] = []
        others: dict[datetime, list[int]] = {}  # by the moment from which their retry period counts
        for row in rows:
            since = row.horizon_from(now)
            (late if now - since > self._horizon else others.setdefault(since, [])).append(row.id)
        for since, ids in others.items():
            waits = {
                "state": State.DEFERRED,
                "reason": Reason.RECEIVER,
                "next_at": until,
                "tried_since": since,
            }
            _set(connection, ids, waits)
        gone = {"state": State.EXPIRED, "reason": Reason.TOO_LATE, "next_at": None, "done_at": now}
        _set(connection, late, gone)


def _set(connection: sa.Connection, ids: list[int], values: Mapping[str, object]) -> None:
    if ids:
        connection.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(values))


def _after(
    before: Condition | None, verdicts: Sequence[Verdict], strains: Sequence[Verdict], now: datetime
) -> Condition | None:
    return domain_backoff.after(
        before,
        troubles=len(strains),
        accepted=sum(each.state is State.SENT and not each.strain for each in verdicts),
        is_told=any(each.strain is Strain.MUCH for each in strains),
        now=now,
    )


def _words(strains: Sequence[Verdict]) -> str:
    last = strains[-1]
    return in_words(last.code, last.reply)
