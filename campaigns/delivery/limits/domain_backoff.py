"""Receivers in trouble, who take less of our mail for now; what one lane learns, all know.

Their mails are put off in the ledger without an attempt charged, and everybody else's go on at full speed.
When the wait is over, a few mails show whether the receiver takes them again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.ledger.outcomes import Strain, Verdict
from campaigns.delivery.models import Delivery, Reason, Receiver, ReceiverDomain, State
from campaigns.mail import domain_backoff, domains
from campaigns.mail.domain_backoff import Condition
from campaigns.mail.errors import Unanswered

LOOK_EVERY_S = 1.0
MOST_ON_TRIAL = 5  # mails of a window
TRIAL_WAIT = timedelta(seconds=30)  # for the others, while those are on their way
LOOKED_UP_AGAIN_AFTER = timedelta(days=7)
LOOK_UPS_AT_ONCE = 20

Exchangers = Callable[[str], Sequence[str]]  # a domain's, the first choice first; raises Unanswered


class Row(Protocol):
    """What is asked of a row that is about to be sent."""

    @property
    def id(self) -> int: ...
    @property
    def email(self) -> str | None: ...
    def first_tried(self, now: datetime) -> datetime: ...


R = TypeVar("R", bound=Row)


class Receivers:
    """What one lane knows of them; asked and told within the lane's transactions."""

    def __init__(self, *, horizon: timedelta) -> None:
        self._horizon = horizon
        self._conditions: dict[str, Condition] = {}
        self._by_domain: dict[str, str] = {}
        self._looked = -LOOK_EVERY_S
        self._trials: Counter[str] = Counter()  # in this window

    def group_of(self, email: str) -> str:
        """The receiver of an address."""
        domain = addresses.domain_of(email)
        return self._by_domain.get(domain) or domains.group_of(domain)

    def look(self, connection: sa.Connection) -> None:
        """For each window: see what other lanes have found out, at most once a second."""
        self._trials.clear()
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        self._conditions = _read(connection, None)
        if self._conditions:
            known = sa.select(ReceiverDomain.domain, ReceiverDomain.receiver).where(
                ReceiverDomain.receiver.in_(self._conditions)
            )
            self._by_domain = {row.domain: row.receiver for row in connection.execute(known)}

    def sort_out(self, connection: sa.Connection, rows: Sequence[R], *, now: datetime) -> list[R]:
        """Those that may go now; the others are put off, or expire when they have waited too long."""
        if not any(each.next_at for each in self._conditions.values()):
            return list(rows)
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
        """Take answers into account. Writes only where there is trouble, or was."""
        strained = {each.group for each in verdicts if each.strain and each.group}
        if not strained and not self._conditions:
            return
        names = strained | {each.group for each in verdicts if each.group in self._conditions}
        for name, before in sorted(_known(connection, names).items()):
            self._note(connection, name, before, [each for each in verdicts if each.group == name], now)

    def _note(
        self,
        connection: sa.Connection,
        name: str,
        before: Condition | None,
        verdicts: list[Verdict],
        now: datetime,
    ) -> None:
        strains = [each for each in verdicts if each.strain]
        found = domain_backoff.after(
            before,
            troubles=len(strains),
            accepted=sum(each.state is State.SENT and not each.strain for each in verdicts),
            is_told=any(each.strain is Strain.MUCH for each in strains),
            now=now,
        )
        if found is None:
            self._conditions.pop(name, None)
            if before is not None:
                connection.execute(sa.delete(Receiver).where(Receiver.name == name))
        elif found != before:
            self._conditions[name] = found
            _write(connection, name, found, _words(strains))

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
        late = [row.id for row in rows if now - row.first_tried(now) > self._horizon]
        others = [row.id for row in rows if now - row.first_tried(now) <= self._horizon]
        first = sa.func.coalesce(Delivery.started_at, sa.literal(now, Delivery.started_at.type))
        waits = {"state": State.DEFERRED, "reason": Reason.RECEIVER, "next_at": until, "started_at": first}
        _set(connection, others, waits)
        gone = {"state": State.EXPIRED, "reason": Reason.TOO_LATE, "next_at": None, "done_at": now}
        _set(connection, late, gone)


def in_trouble(*, now: datetime) -> list[Receiver]:
    """The receivers whose mails wait, the longest wait first."""
    statement = sa.select(Receiver).where(Receiver.next_at > now).order_by(Receiver.next_at.desc())
    return list(db.session.scalars(statement))


def to_look_up(*, now: datetime) -> bool:
    """Whether there are domains in trouble whose mail exchangers nobody has asked for."""
    return db.session.scalar(_due(now).limit(1)) is not None


def look_up(exchangers: Exchangers, *, now: datetime) -> int:
    """Ask the name servers who receives for some domains in trouble; how many were found. Commits.

    Firms that have their mail at a big provider share that provider's troubles from now on.
    """
    found = 0
    due = list(db.session.scalars(_due(now).limit(LOOK_UPS_AT_ONCE)))
    db.session.rollback()
    for domain in due:
        receiver = _receiver_of(domain, exchangers)
        found += receiver is not None
        db.session.execute(
            sa.update(ReceiverDomain)
            .where(ReceiverDomain.domain == domain)
            .values(receiver=receiver, looked_up_at=now)
        )
        if receiver not in (None, domain):
            db.session.execute(sa.delete(Receiver).where(Receiver.name == domain))
        db.session.commit()
    return found


def _receiver_of(domain: str, exchangers: Exchangers) -> str | None:
    try:
        return domains.group_at(domain, exchangers(domain))
    except Unanswered:
        return None


def _due(now: datetime) -> sa.Select[Any]:
    asked = ReceiverDomain.looked_up_at
    return sa.select(ReceiverDomain.domain).where(
        sa.or_(asked.is_(None), asked < now - LOOKED_UP_AGAIN_AFTER)
    )


def _set(connection: sa.Connection, ids: list[int], values: Mapping[str, object]) -> None:
    if ids:
        connection.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(values))


def _known(connection: sa.Connection, names: Iterable[str]) -> dict[str, Condition | None]:
    """The conditions of these, read afresh and held until the end of the transaction."""
    wanted = list(names)
    return {**dict.fromkeys(wanted), **(_read(connection, wanted) if wanted else {})}


def _read(connection: sa.Connection, names: list[str] | None) -> dict[str, Condition]:
    statement = sa.select(
        Receiver.name, Receiver.troubles, Receiver.since, Receiver.backoff_s, Receiver.next_at
    )
    if names is not None:
        statement = statement.where(Receiver.name.in_(names)).order_by(Receiver.name)
        if connection.dialect.name != "sqlite":
            statement = statement.with_for_update()
    return {
        row.name: Condition(row.troubles, row.since, timedelta(seconds=row.backoff_s), row.next_at)
        for row in connection.execute(statement)
    }


def _write(connection: sa.Connection, name: str, found: Condition, said: str) -> None:
    values = {
        "troubles": min(found.troubles, 30_000),
        "since": found.since,
        "backoff_s": int(found.backoff.total_seconds()),
        "next_at": found.next_at,
        "said": said[:300],
    }
    statement = insert(Receiver).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    if domains.group_of(name) == name and found.next_at is not None:
        known = insert(ReceiverDomain).values(domain=name)
        connection.execute(known.on_conflict_do_nothing(index_elements=["domain"]))


def _words(strains: Sequence[Verdict]) -> str:
    last = strains[-1]
    return " ".join(str(part) for part in (last.code, last.reply) if part)
