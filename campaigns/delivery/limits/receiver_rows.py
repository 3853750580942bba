"""The tables of receivers in trouble: read by name, never as a whole, and pruned by age.

A fault of ours can put tens of thousands of domains in trouble within minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert, one_of
from campaigns.delivery.models import Receiver, ReceiverDomain
from campaigns.mail import domain_backoff, domains
from campaigns.mail.domain_backoff import Condition
from campaigns.mail.errors import Unanswered

LOOKED_UP_AGAIN_AFTER = timedelta(days=7)  # if it is in trouble then
LOOK_UPS_AT_ONCE = 20
REMOVED_AT_ONCE = 5000

Exchangers = Callable[[str], Sequence[str]]  # a domain's, the preferred one first; raises Unanswered


def is_any(connection: sa.Connection) -> bool:
    """Whether any receiver is in trouble."""
    return connection.execute(sa.select(Receiver.name).limit(1)).first() is not None


def read(connection: sa.Connection, names: Iterable[str], *, is_locked: bool = False) -> dict[str, Condition]:
    """Conditions of the receivers in trouble among these; `is_locked`: locks them for the transaction."""
    statement = (
        sa.select(Receiver.name, Receiver.troubles, Receiver.since, Receiver.backoff_s, Receiver.next_at)
        .where(one_of(connection, Receiver.name, names))
        .order_by(Receiver.name)  # so that two lanes cannot deadlock
    )
    if is_locked:
        statement = statement.with_for_update()
    return {
        row.name: Condition(row.troubles, row.since, timedelta(seconds=row.backoff_s), row.next_at)
        for row in connection.execute(statement)
    }


def receivers_of(connection: sa.Connection, of_domains: Iterable[str]) -> dict[str, str]:
    """Domain -> receiver, for those of the domains whose receiver is known and in trouble."""
    statement = (
        sa.select(ReceiverDomain.domain, ReceiverDomain.receiver)
        .join(Receiver, Receiver.name == ReceiverDomain.receiver)
        .where(one_of(connection, ReceiverDomain.domain, of_domains))
    )
    return {row.domain: row.receiver for row in connection.execute(statement)}


def write(connection: sa.Connection, found: Mapping[str, tuple[Condition, str]]) -> None:
    """Store conditions and the replies that led to them, in ascending order of names."""
    if not found:
        return
    statement = insert(Receiver)
    columns = ("troubles", "since", "backoff_s", "next_at", "said")
    new = {column: statement.excluded[column] for column in columns}
    rows = [_values(name, condition, said) for name, (condition, said) in sorted(found.items())]
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new), rows)
    suspended = [
        {"domain": row["name"]}
        for row in rows
        if row["next_at"] is not None and domains.group_of(row["name"]) == row["name"]
    ]
    if suspended:  # its mail exchangers have to be looked up
        known = insert(ReceiverDomain).on_conflict_do_nothing(index_elements=["domain"])
        connection.execute(known, suspended)


def remove(connection: sa.Connection, names: Collection[str]) -> None:
    """Delete receivers that accept our mail again."""
    if names:
        connection.execute(sa.delete(Receiver).where(one_of(connection, Receiver.name, names)))


def is_any_old(*, now: datetime) -> bool:
    """Whether `prune` would delete any row."""
    found = sa.or_(sa.exists().where(_is_forgotten(now)), sa.exists().where(_is_needless(now)))
    return bool(db.session.scalar(sa.select(found)))


def _is_forgotten(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(
        sa.and_(Receiver.next_at.is_(None), Receiver.since < now - domain_backoff.WITHIN),
        Receiver.next_at < now - domain_backoff.FORGOTTEN_AFTER,
    )


def _is_needless(now: datetime) -> sa.ColumnElement[bool]:
    is_in_trouble = sa.exists().where(Receiver.name == ReceiverDomain.domain)
    asked = ReceiverDomain.looked_up_at
    return sa.or_(asked < now - LOOKED_UP_AGAIN_AFTER, sa.and_(asked.is_(None), ~is_in_trouble))


def prune(*, now: datetime) -> None:
    """Delete receivers that were not written to for so long that their trouble no longer counts, and look-ups
    that are old or unused. At most some thousand rows at a time; the caller commits.
    """
    some = (
        sa.select(Receiver.name)
        .where(_is_forgotten(now))
        .limit(REMOVED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    db.session.execute(sa.delete(Receiver).where(Receiver.name.in_(some)), execution_options=_PLAIN)
    some = (
        sa.select(ReceiverDomain.domain)
        .where(_is_needless(now))
        .limit(REMOVED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    db.session.execute(
        sa.delete(ReceiverDomain).where(ReceiverDomain.domain.in_(some)), execution_options=_PLAIN
    )


def in_trouble(*, now: datetime, most: int) -> list[Receiver]:
    """Receivers whose messages wait, at most `most`, the longest wait first."""
    statement = sa.select(Receiver).where(Receiver.next_at > now).order_by(Receiver.next_at.desc())
    return list(db.session.scalars(statement.limit(most)))


def to_look_up() -> bool:
    """Whether there are domains in trouble whose mail exchangers were not looked up yet."""
    return db.session.scalar(_DUE.limit(1)) is not None


def look_up(exchangers: Exchangers, *, now: datetime) -> int:
    """Look up the mail exchangers of some domains in trouble; returns how many were found. Commits.

    Companies whose mail is hosted by a large provider share that provider's trouble from then on.
    """
    found = 0
    due = list(db.session.scalars(_DUE.limit(LOOK_UPS_AT_ONCE)))
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


_DUE = sa.select(ReceiverDomain.domain).where(ReceiverDomain.looked_up_at.is_(None))
_PLAIN = {"synchronize_session": False}


def _receiver_of(domain: str, exchangers: Exchangers) -> str | None:
    try:
        return domains.group_at(domain, exchangers(domain))
    except Unanswered:
        return None


def _values(name: str, condition: Condition, said: str) -> dict[str, Any]:
    return {
        "name": name,
        "troubles": min(condition.troubles, 30_000),
        "since": condition.since,
        "backoff_s": int(condition.backoff.total_seconds()),
        "next_at": condition.next_at,
        "said": said[:300],
    }
