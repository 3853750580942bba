"""What is known of a person when a rule is asked in Python: to explain it, and to show that SQL says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.audience.models import Origin, Status, SuppressionReason


@dataclass(frozen=True, slots=True)
class Membership:
    status: Status
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """What became of one campaign's email to the person: the first moment of each, or None."""

    got_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    bounced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonFacts:
    email: str
    address: str
    address_key: str
    fields: Mapping[str, Any]
    added_at: datetime
    language: str | None = None
    time_zone: str | None = None
    last_opened_at: datetime | None = None
    last_clicked_at: datetime | None = None
    tags: frozenset[int] = frozenset()
    lists: Mapping[int, Membership] = field(default_factory=dict)
    sources: frozenset[Origin] = frozenset()
    imports: frozenset[int] = frozenset()
    suppression: SuppressionReason | None = None
    last_bounced_at: datetime | None = None
    # Of each campaign that was asked for; those who got none of them have none.
    mails: Mapping[int, Sequence[Mail]] = field(default_factory=dict)

    @property
    def last_active_at(self) -> datetime | None:
        """The later of the last open and click."""
        known = [each for each in (self.last_opened_at, self.last_clicked_at) if each]
        return max(known) if known else None
