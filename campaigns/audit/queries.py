"""Queries on the audit log by actor, action and date, its export, and the verification of its chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audit import chain
from campaigns.audit.chain import Break
from campaigns.audit.labels import LABELS
from campaigns.audit.models import AuditEntry, AuditHead
from campaigns.core.csvfile import guarded
from campaigns.core.db import db
from campaigns.core.paging import Page, paginate

CHUNK_ROWS = 1000
HEADINGS = ("number", "at", "who", "action", "about", "details", "from", "hash")


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on entries; empty ones match all. Dates are UTC days, both included."""

    who: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    @property
    def query(self) -> dict[str, str]:
        """The conditions as arguments of a URL."""
        days = {"since": self.since, "until": self.until}
        words = {"who": self.who, "action": self.action}
        return {name: str(value) for name, value in {**words, **days}.items() if value}

    @property
    def text(self) -> str:
        """The conditions in one line, for the log's entry about an export."""
        return ", ".join(f"{name} {value}" for name, value in self.query.items())


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many entries were verified, number and hash of the newest entry, and the first break, if any."""

    entries: int
    number: int
    hash: str
    broken: Break | None


def filter_from(args: Mapping[str, str]) -> Filter:
    """The conditions in a URL's arguments; invalid ones are ignored."""
    action = args.get("action", "")
    return Filter(
        who=args.get("who", "").strip()[:320],
        action=action if action in LABELS else "",
        since=_day(args.get("since", "")),
        until=_day(args.get("until", "")),
    )


def page(chosen: Filter, *, number: int) -> Page[AuditEntry]:
    """A page of matching entries, newest first; `number` begins with 1."""
    return paginate(_entries(chosen).order_by(AuditEntry.id.desc()), number=number)


def count(chosen: Filter) -> int:
    """How many entries match."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(_entries(chosen).subquery())) or 0


def export(chosen: Filter) -> Iterator[list[str]]:
    """The headings, then a row per matching entry, oldest first. Texts are safe for spreadsheets."""
    yield list(HEADINGS)
    last = 0
    while chunk := db.session.scalars(
        _entries(chosen).where(AuditEntry.number > last).order_by(AuditEntry.number).limit(CHUNK_ROWS)
    ).all():
        for entry in chunk:
            yield _cells(entry)
        last = chunk[-1].number or last
        db.session.expunge_all()


def verify(*, kept: tuple[int, str] | None = None) -> Verdict:
    """Verify the whole chain; `kept` is the number and hash that an entry had earlier.

    Everything is read in one transaction. Entries that are added meanwhile are not read.
    """
    head = db.session.execute(
        sa.select(AuditHead.number, AuditHead.hash, AuditHead.first_number, AuditHead.hash_before_first)
    ).one()
    check = chain.Check(first=head.first_number, before=head.hash_before_first)
    seen = 0
    while (chunk := _chunk(check.next_number, head.number)) and check.broken is None:
        check.follow(chunk)
        seen += len(chunk)
        if kept and check.broken is None:
            check.broken = _changed_since(chunk, kept)
        db.session.expunge_all()
    check.end(number=head.number, last=head.hash)
    if kept and check.broken is None and kept[0] > head.number:
        check.broken = Break(kept[0], "the entry is missing")
    return Verdict(seen, head.number, head.hash, check.broken)


def _chunk(first: int, last: int) -> list[AuditEntry]:
    statement = sa.select(AuditEntry).where(AuditEntry.number.between(first, last))
    return list(db.session.scalars(statement.order_by(AuditEntry.number).limit(CHUNK_ROWS)))


def _changed_since(entries: list[AuditEntry], kept: tuple[int, str]) -> Break | None:
    number, hashed = kept
    found = next((each for each in entries if each.number == number), None)
    if found is None or found.hash == hashed:
        return None
    return Break(number, "the chain was made anew: the entry had another hash")


def _entries(chosen: Filter) -> sa.Select[Any]:
    statement = sa.select(AuditEntry)
    if chosen.who:
        statement = statement.where(AuditEntry.actor.icontains(chosen.who, autoescape=True))
    if chosen.action:
        statement = statement.where(AuditEntry.action == chosen.action)
    if chosen.since:
        statement = statement.where(AuditEntry.at >= _midnight(chosen.since))
    if chosen.until:
        statement = statement.where(AuditEntry.at < _midnight(chosen.until) + timedelta(days=1))
    return statement


def _cells(entry: AuditEntry) -> list[str]:
    details = "; ".join(f"{name}: {value}" for name, value in entry.details.items())
    texts = (entry.actor, entry.action, entry.subject, details, entry.ip)
    at = entry.at.isoformat(timespec="microseconds")
    return [str(entry.number), at, *map(guarded, texts), entry.hash or ""]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
