"""What pages and commands say of an import: whom it would change, how far it is, what an undo has done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.audience.imports import setup
from campaigns.audience.imports.models import Import
from campaigns.audience.models import Field
from campaigns.core import statuses
from campaigns.core.i18n import Sentence, _

LEAST_SECONDS = 2  # before a rate says anything
KEPT = {
    "kept_changed": _("Changed since the import"),
    "kept_unsubscribed": _("Unsubscribed since the import"),
    "kept_emailed": _("Were sent a campaign since the import"),
    "kept_elsewhere": _("Are on another list, or signed up themselves"),
    "gone": _("Deleted since the import"),
}


@dataclass(frozen=True, slots=True)
class Sampled:
    """A person whom the import would change: (field, before, after) for each difference."""

    email: str
    name: str
    joins: bool
    fields: list[tuple[str, Any, Any]]

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """(what, before, after), the list included."""
        said = [(label, _shown(before), _shown(after)) for label, before, after in self.fields]
        return [*said, (str(_("List")), "", str(statuses.label("subscribed")))] if self.joins else said


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast rows are processed, and how long the rest takes; None while nobody knows."""

    rows_per_second: int | None = None
    seconds_left: int | None = None

    @property
    def minutes_left(self) -> int | None:
        """The rest in minutes, rounded up; None below one minute or while nobody knows."""
        return -(-self.seconds_left // 60) if self.seconds_left and self.seconds_left > 60 else None


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo has done so far."""

    restored: int
    deleted: int
    unsuppressed: int
    kept: list[tuple[Sentence, int]]

    @property
    def people(self) -> int:
        """How many are as they were."""
        return self.restored + self.deleted

    @property
    def kept_people(self) -> int:
        """How many could not be restored."""
        return sum(number for _reason, number in self.kept)


def sample(shown: Import, fields: Iterable[Field]) -> list[Sampled]:
    """Some people whom the import would change, with the labels of their fields."""
    labels = {each.key: each.label for each in (*fields, *setup.planned_fields(shown))}
    return [
        Sampled(
            each["email"],
            each["name"],
            each["joins"],
            [(labels.get(key, key), before, after) for key, before, after in each["fields"]],
        )
        for each in shown.sample.get("people", [])
    ]


def pace(shown: Import, *, now: datetime) -> Pace:
    """By what was done since it began."""
    done = shown.byte_position - shown.mapping.get("start", 0)
    seconds = (now - shown.started_at).total_seconds() if shown.started_at else 0
    if seconds < LEAST_SECONDS or done <= 0 or shown.is_over:
        return Pace()
    left = (shown.size_bytes - shown.byte_position) * seconds / done
    return Pace(round(shown.rows / seconds), round(left))


def undo(shown: Import) -> Undone:
    """What the undo has done; all zero if there was none."""
    counts = shown.undone
    return Undone(
        counts.get("restored", 0),
        counts.get("deleted", 0),
        counts.get("unsuppressed", 0),
        [(sentence, counts[name]) for name, sentence in KEPT.items() if counts.get(name)],
    )
