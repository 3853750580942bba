"""Days that a rule speaks of, as ranges of days: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Today:
    """The day on which a rule is asked, and the zone whose days it means."""

    day: date
    zone: ZoneInfo

    @classmethod
    def at(cls, moment: datetime, zone: ZoneInfo) -> Today:
        """The day of a moment in a zone."""
        return cls(moment.astimezone(zone).date(), zone)

    def start_of(self, day: date | None) -> datetime | None:
        """The moment at which a day begins (UTC)."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC) if day else None


@dataclass(frozen=True, slots=True)
class Days:
    """From `first` up to, not including, `end`; None: no bound."""

    first: date | None = None
    end: date | None = None


def days_of(operator: str, value: Any, today: date) -> Days:
    """The days that an operator with its value means."""
    if operator in ("on", "before", "after"):
        day = date.fromisoformat(value)
        return {"on": Days(day, day + _DAY), "before": Days(None, day), "after": Days(day + _DAY, None)}[
            operator
        ]
    if operator == "between":
        return Days(date.fromisoformat(value[0]), date.fromisoformat(value[1]) + _DAY)
    number = timedelta(days=value)
    return {
        "in_last_days": Days(today - number, today + _DAY),
        "in_next_days": Days(today, today + number + _DAY),
        "days_ago": Days(today - number, today - number + _DAY),
        "in_days": Days(today + number, today + number + _DAY),
    }[operator]


def anniversaries(days: int, today: date) -> frozenset[str]:
    """The anniversaries from today to that many days from now, as MM-DD. Whoever was born on February 29 has it on
    February 28 in other years.
    """
    found = set()
    for number in range(min(days, 366) + 1):
        day = today + timedelta(days=number)
        found.add(f"{day:%m-%d}")
        if (day.month, day.day) == (2, 28) and (day + _DAY).month == 3:
            found.add("02-29")
    return frozenset(found)
