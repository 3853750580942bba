"""Writing the audit log. Services that change or read personal data call `record`; it is kept with their commit.

An entry gets its place in the chain as the last thing before the commit: two processes that write at once wait for
each other there, and for no longer than that.
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

VIEWED_AGAIN = timedelta(hours=1)  # the same page once more within it is the same reading
_PENDING = "audit entries without a place"
DELETED_AT_ONCE = 50_000


def record(
    action: str, subject: str = "", *, now: datetime | None = None, by: Actor | None = None, **details: Any
) -> AuditEntry:
    """Note that somebody, by default whoever acts, did that, by default at this moment.

    `action` is one of LABELS.
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
    """Whether the operator is on record for the same since then: a page asked for in a loop fills no log."""
    same = sa.select(AuditEntry.id).where(
        AuditEntry.at >= since,
        AuditEntry.operator_id == operator_id,
        AuditEntry.action == action,
        AuditEntry.subject == _clean(subject)[:200],
    )
    return db.session.scalar(same.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class View:
    """Personal data on a page: what the log says about whoever opens it."""

    action: str
    subject: str
    details: Mapping[str, Any]


def is_news(view: View, *, now: datetime) -> bool:
    """Whether whoever acts is not on record for that page within the last hour."""
    who = acting.actor().operator_id
    return not is_known(view.action, view.subject, operator_id=who, since=now - VIEWED_AGAIN)


def record_view(view: View, *, now: datetime) -> None:
    """Note that whoever acts reads that."""
    record(view.action, view.subject, now=now, **view.details)


def record_once_an_hour(action: str, subject: str, *, now: datetime) -> None:
    """Note it unless whoever acts is on record for the same within the last hour."""
    view = View(action, subject, {})
    if is_news(view, now=now):
        record_view(view, now=now)


def record_export(chosen: queries.Filter, *, now: datetime) -> None:
    """Note that whoever acts takes that part of the log itself."""
    record("audit.exported", chosen.text, now=now, entries=queries.count(chosen))


def has_older(moment: datetime) -> bool:
    """Whether there is anything from before that moment."""
    return db.session.scalar(sa.select(AuditEntry.id).where(AuditEntry.at < moment).limit(1)) is not None


def forget_before(moment: datetime, *, now: datetime) -> int:
    """Delete what is older, and write down that it was; how many. The rest of the chain stays whole.

    At most some thousands at a time, oldest first, so that nobody waits long.
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
    db.session.flush()  # entries can be deleted only once the chain begins behind them
    db.session.execute(
        sa.delete(AuditEntry).where(AuditEntry.number < end).execution_options(synchronize_session=False)
    )
    record("audit.shortened", by=Actor(), now=now, entries=number)
    return number


def keep_for(days: int, *, now: datetime) -> int:
    """Delete what is older than so many days; 0 keeps all. How many were deleted."""
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
    """What JSON gives back as it was, on every database."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return _clean(str(value))[:500]


def _clean(text: str) -> str:
    """PostgreSQL takes no zero byte, and no half of a pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
