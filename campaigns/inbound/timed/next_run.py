"""When a timed email goes out next. Pure.

Its time is one on the wall: nine in the morning stays nine when clocks change. An hour that the clocks skip is taken
as if they had not changed yet, so that the email goes out right after; of an hour that comes twice, the first counts.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from campaigns.core.i18n import Sentence, _

_BACK = 3  # runs before the guess from which they are gone through
LAST_YEAR = 9990


class Rhythm(StrEnum):
    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"

    @property
    def label(self) -> Sentence:
        return _LABELS[self]


_LABELS = {
    Rhythm.ONCE: _("Once"),
    Rhythm.DAILY: _("Every day"),
    Rhythm.WEEKLY: _("Every week"),
    Rhythm.MONTHLY: _("Every month"),
}


def next_run(first: datetime, rhythm: Rhythm, zone: ZoneInfo, *, after: datetime) -> datetime | None:
    """The first moment (UTC) after another at which it is due; None if there is none.

    `first`: the day and time of the first run on the wall, naive. A month without that day has its run on the
    last day.
    """
    if rhythm is Rhythm.ONCE:
        found = _moment(first, zone)
        return found if found > after else None
    number = max(0, _guess(first, rhythm, after.astimezone(zone).replace(tzinfo=None)) - _BACK)
    while (local := _run(first, rhythm, number)).year < LAST_YEAR:
        found = _moment(local, zone)
        if found > after:
            return found
        number += 1
    return None


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _guess(first: datetime, rhythm: Rhythm, local: datetime) -> int:
    """The number of the run that is near a time on the wall."""
    if rhythm is Rhythm.MONTHLY:
        return (local.year - first.year) * 12 + local.month - first.month
    days = (local.date() - first.date()).days
    return days if rhythm is Rhythm.DAILY else days // 7


def _run(first: datetime, rhythm: Rhythm, number: int) -> datetime:
    if rhythm is Rhythm.MONTHLY:
        year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
        return first.replace(year=year, month=month + 1, day=min(first.day, monthrange(year, month + 1)[1]))
    return first + timedelta(days=number * (1 if rhythm is Rhythm.DAILY else 7))
