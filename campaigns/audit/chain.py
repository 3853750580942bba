"""The chain of the audit log: each entry's hash covers the entry and the hash before it. Pure.

Whoever changes, removes or inserts an entry would have to make all later hashes anew; the number and hash of one
entry, kept somewhere else, show that nobody did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

BEGINNING = ""  # stands for the hash before the first entry


class Entry(Protocol):
    """What the hash covers."""

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
    """Where the chain does not hold, and an English sentence on what is wrong there."""

    number: int
    what: str


def link(entry: Entry, *, number: int, before: str) -> str:
    """The hash of an entry at that place of the chain, behind the one with the hash `before`."""
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
    """Follows a chain entry by entry, in order; `broken` is the first place where it does not hold."""

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
        """Say where the chain should have ended."""
        if self.broken is None and (self.next_number - 1, self.hash) != (number, last):
            self.broken = Break(self.next_number, "the newest entries are missing")
