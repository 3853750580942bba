"""Writes the audit log. Services that change or read personal data call `record`; their commit stores the entry.

An entry gets its place in the chain right before the commit, so that concurrent writers wait for each other only
during the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from campaigns.audit import chain, queries
from campaigns.audit.labels import LABELS
from campaigns.audit.models import AuditEntry, AuditHead
from campaigns.core import acting, clock
from campaigns.core.acting import Actor
from campaigns.core.db import db

VIEWED_AGAIN = timedelta(hours=1)  # views of the same page within this time are recorded once
_PENDING = "audit entries without a place"
DELETED_AT_ONCE = 50_000


def record(
    action: str, subject: str = "", *, now: datetime | None = None, by: Actor | None = None, **details: Any
) -> AuditEntry:
    """Add an entry and return it. `by` defaults to the current actor, `now` to the current time.

    Texts are cut to their columns' lengths. Raises ValueError for an action that is not in LABELS.
    """
    if action not in LABELS:
        raise ValueError(f"no label for the action {action!r}")
    who = acting.actor() if by is None else by
    entry = AuditEntry(
        at=now or clock.now(),
        operator_id=who.operator_id,
        actor=_clean(who.name)[:320],
        action=action,
        subject=_clean(subject)[:200],
        details={name: _plain(value) for name, value in details.items()},
        ip=who.ip[:45],
    )
    db.session.add(entry)
    db.session.info[_PENDING] = True
    return entry


def is_known(action: str, subject: str, *, operator_id: int | None, since: datetime) -> bool:
    """Whether the operator has such an entry since then. Callers use it to record repeated views once."""
    same = sa.select(AuditEntry.id).where(
        AuditEntry.at >= since,
        AuditEntry.operator_id == operator_id,
        AuditEntry.action == action,
        AuditEntry.subject == _clean(subject)[:200],
    )
    return db.session.scalar(same.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class View:
    """The entry to be recorded when an operator opens a page with personal data."""

    action: str
    subject: str
    details: Mapping[str, Any]


def is_news(view: View, *, now: datetime) -> bool:
    """Whether the current actor has no entry for this view within the last hour."""
    who = acting.actor().operator_id
    return not is_known(view.action, view.subject, operator_id=who, since=now - VIEWED_AGAIN)


def record_view(view: View, *, now: datetime) -> None:
    """Record that the current actor views this data."""
    record(view.action, view.subject, now=now, **view.details)


def record_once_an_hour(action: str, subject: str, *, now: datetime) -> None:
    """Record the action unless the current actor has the same entry within the last hour."""
    view = View(action, subject, {})
    if is_news(view, now=now):
        record_view(view, now=now)


def record_export(chosen: queries.Filter, *, now: datetime) -> None:
    """Record that the current actor exports these entries of the log."""
    record("audit.exported", chosen.text, now=now, entries=queries.count(chosen))


def has_older(moment: datetime) -> bool:
    """Whether there are entries from before this moment."""
    return db.session.scalar(sa.select(AuditEntry.id).where(AuditEntry.at < moment).limit(1)) is not None


def forget_before(moment: datetime, *, now: datetime) -> int:
    """Delete older entries and record that; the number deleted. The rest of the chain can still be verified.

    At most DELETED_AT_ONCE, oldest first, to keep the transaction short.
    """
    head = db.session.scalars(sa.select(AuditHead).with_for_update()).one()
    db.session.refresh(head)
    younger = sa.select(sa.func.min(AuditEntry.number)).where(AuditEntry.at >= moment)
    end = min(db.session.scalar(younger) or head.number + 1, head.first_number + DELETED_AT_ONCE)
    number = end - head.first_number
    if number <= 0:
        return 0
    last = db.session.scalar(sa.select(AuditEntry.hash).where(AuditEntry.number == end - 1))
    head.first_number, head.hash_before_first = end, last or ""
    db.session.flush()  # a trigger refuses to delete entries that are still part of the chain
    db.session.execute(
        sa.delete(AuditEntry).where(AuditEntry.number < end).execution_options(synchronize_session=False)
    )
    record("audit.shortened", by=Actor(), now=now, entries=number)
    return number


def keep_for(days: int, *, now: datetime) -> int:
    """Delete entries older than this many days, 0 for none; the number deleted."""
    moment = now - timedelta(days=days)
    return forget_before(moment, now=now) if days and has_older(moment) else 0


@sa.event.listens_for(Session, "before_commit")
def _take_places(session: Session) -> None:
    if session.in_nested_transaction() or not session.info.pop(_PENDING, False):
        return
    session.flush()
    number, last = session.execute(sa.select(AuditHead.number, AuditHead.hash).with_for_update()).one()
    unplaced = sa.select(AuditEntry).where(AuditEntry.hash.is_(None)).order_by(AuditEntry.id)
    with session.no_autoflush:
        for entry in session.scalars(unplaced.execution_options(populate_existing=True)):
            number += 1
            last = chain.link(entry, number=number, before=last)
            entry.number, entry.hash = number, last
    session.execute(sa.update(AuditHead).values(number=number, hash=last))
    session.flush()


def _plain(value: Any) -> Any:
    """A value that JSON returns unchanged on each database."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return _clean(str(value))[:500]


def _clean(text: str) -> str:
    """The text without NUL bytes and lone surrogates, which PostgreSQL refuses."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
