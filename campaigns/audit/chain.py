"""The hash chain of the audit log: each entry's hash covers the entry and the hash before it. Pure.

To change, remove or insert an entry, all later hashes must be recomputed. The number and hash of one entry, kept
elsewhere, show whether that was done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

BEGINNING = ""  # the hash before the first entry


class Entry(Protocol):
    """The fields that the hash covers, and the hash."""

    number: Any
    at: Any
    operator_id: Any
    actor: Any
    action: Any
    subject: Any
    details: Any
    ip: Any
    hash: Any


@dataclass(frozen=True, slots=True)
class Break:
    """The number of the entry at which the chain is broken, and an English phrase that says how."""

    number: int
    what: str


def link(entry: Entry, *, number: int, before: str) -> str:
    """The SHA-256 in hex of an entry at this place of the chain; `before` is the hash of the entry before it."""
    moment: datetime = entry.at
    covered = [
        number,
        moment.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.operator_id,
        entry.actor,
        entry.action,
        entry.subject,
        entry.details,
        entry.ip,
        before,
    ]
    text = json.dumps(covered, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Check:
    """Verifies a chain entry by entry, in order; `broken` is the first break, or None."""

    def __init__(self, *, first: int, before: str) -> None:
        self.next_number = first
        self.hash = before
        self.broken: Break | None = None

    def follow(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self.broken:
                return
            self._look_at(entry)

    def _look_at(self, entry: Entry) -> None:
        if entry.number != self.next_number:
            self.broken = Break(self.next_number, "the entry is missing")
        elif entry.hash != link(entry, number=entry.number, before=self.hash):
            self.broken = Break(entry.number, "the entry or one before it was changed")
        else:
            self.next_number, self.hash = entry.number + 1, entry.hash

    def end(self, *, number: int, last: str) -> None:
        """Compare the end of the chain with the number and hash that it should have."""
        if self.broken is None and (self.next_number - 1, self.hash) != (number, last):
            self.broken = Break(self.next_number, "the newest entries are missing")
