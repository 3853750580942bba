"""One line of a person's timeline, and its place in the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.delivery.models import State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MICROSECOND = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


class Group(StrEnum):
    """What a timeline can be narrowed to."""

    EMAILS = "emails"
    ACTIVITY = "activity"
    CONSENT = "consent"
    CHANGES = "changes"
    NOTES = "notes"

    @property
    def label(self) -> Any:
        return {
            Group.EMAILS: _("Emails"),
            Group.ACTIVITY: _("Opens and clicks"),
            Group.CONSENT: _("Consent"),
            Group.CHANGES: _("Changes"),
            Group.NOTES: _("Notes"),
        }[self]


class Source(StrEnum):
    """Where a line comes from. Of two lines of one moment that of the later source is the older."""

    REPLY = "reply"
    COMPLAINT = "complaint"
    BOUNCE = "bounce"
    EVENT = "event"
    EMAIL = "email"
    NOTE = "note"
    SUPPRESSION = "suppression"
    CONSENT = "consent"
    CHANGE = "change"
    BULK_UNDO = "bulk_undo"
    BULK = "bulk"
    IMPORT = "import"
    ADDED = "added"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {each: len(Source) - number for number, each in enumerate(Source)}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The place of a line: later lines are greater. `number` is the id of the row."""

    at: datetime
    rank: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """From a URL; None for anything invalid."""
        parts = [number_in(each) for each in text.split("-")]
        if len(parts) != 3 or None in parts:
            return None
        at, rank, number = (each or 0 for each in parts)
        return cls(_EPOCH + min(at, _LAST_MICROSECOND) * _MICROSECOND, rank, number)

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MICROSECOND}-{self.rank}-{self.number}"


@dataclass(frozen=True, slots=True)
class Link:
    """What a line is about, for the page to link to."""

    campaign_id: int | None = None
    delivery_id: int | None = None
    import_id: int | None = None
    list_id: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A line: `sentence` is what happened, `details` are further lines of text beneath, as they are.

    `state`: of an email, instead of a sentence. `times`: how often in a row. `by`: who did it, if it was an operator.
    """

    source: Source
    number: int
    at: datetime
    group: Group
    icon: str
    sentence: str = ""
    details: Sequence[str] = ()
    about: str = ""
    url: str = ""
    state: State | None = None
    is_machine: bool = False
    times: int = 1
    by: str = ""
    link: Link = field(default_factory=Link)
    operator_id: int | None = None  # who wrote a note
    was_edited: bool = False
    same: tuple[Any, ...] | None = None  # lines with the same are shown as one

    @property
    def is_note(self) -> bool:
        return self.source is Source.NOTE

    @property
    def place(self) -> Place:
        return Place(self.at, self.source.rank, self.number)
