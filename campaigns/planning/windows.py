"""Sending windows: the hours of the week in which a campaign may be sent, in a zone's local time. Pure.

An opening belongs to the day on which it begins: "fri 22:00-06:00" ends on Saturday morning. It is open by
the clock, also in the two nights when clocks change: a skipped hour is not open, a bound inside it moves to
the moment of the change, and an hour that occurs twice ends when it ends first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.core import clock
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY = frozenset(range(7))
FURTHEST_DAYS = 15  # a zone may skip a whole day, and that may be the only one chosen
LONGEST_LOOK = timedelta(days=8)
LONGEST_TEXT = 120
_TEXT = re.compile(r"(?P<days>\S+)\s+(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)\s+(?P<zone>\S+)")


@dataclass(frozen=True, slots=True)
class Window:
    """Days (0 is Monday), start and end, zone. An `end` not after `start` is on the next day."""

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not self.days or not self.days <= DAILY:
            raise Invalid(_("Choose at least one day to send on."), field="window_days")

    def __str__(self) -> str:
        return f"{_days_text(self.days)} {self.start:%H:%M}-{self.end:%H:%M} {self.zone.key}"


def parse(text: str) -> Window:
    """Parses a text like `mon-fri 09:00-17:00 Europe/Vienna`; raises Invalid(field="window")."""
    refusal = Invalid(
        _(
            "“%(text)s” isn't a valid schedule. Use the format “mon-fri 09:00-17:00 Europe/Vienna”.",
            text=text[:LONGEST_TEXT],
        ),
        field="window",
    )
    found = _TEXT.fullmatch(" ".join(text.split())[:LONGEST_TEXT])
    if found is None or found["zone"] not in clock.zone_names():
        raise refusal
    zone = clock.zone(found["zone"])
    try:
        return Window(_days(found["days"].lower()), _time(found["start"]), _time(found["end"]), zone)
    except ValueError as error:
        raise refusal from error


def words(window: Window) -> str:
    """The window for people: `Mon–Fri 09:00–17:00 (Europe/Vienna)`, in their language."""
    return f"{_day_words(window.days)} {window.start:%H:%M}–{window.end:%H:%M} ({window.zone.key})"


def usual(zone: str) -> str:
    """The default of the form: office hours in that zone."""
    return f"mon-fri 09:00-17:00 {zone if zone in clock.zone_names() else 'UTC'}"


def is_open(window: Window, moment: datetime) -> bool:
    """Whether messages may be sent at that moment."""
    return any(opens <= moment < closes for opens, closes in _openings(window, moment))


def next_opening(window: Window, moment: datetime) -> datetime:
    """The first open moment (UTC) from `moment` on; `moment` itself if open."""
    for opens, closes in _openings(window, moment):
        if moment < closes:
            return max(opens, moment.astimezone(UTC))
    raise AssertionError(f"{window} never opens")  # no zone skips a weekday twice in a row


def remaining(window: Window, moment: datetime) -> timedelta:
    """How long it stays open: zero if closed; a week or more if it hardly ever closes."""
    end = moment
    for opens, closes in _openings(window, moment):
        if opens <= end < closes:
            end = closes
        if end - moment >= LONGEST_LOOK:
            break
    return end - moment


def _openings(window: Window, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Openings (start, end) in order, including one that began yesterday."""
    first = moment.astimezone(window.zone).date() - timedelta(days=2)
    for number in range(FURTHEST_DAYS + 2):
        day = first + timedelta(days=number)
        if day.weekday() not in window.days:
            continue
        last = day if window.end > window.start else day + timedelta(days=1)
        opens, closes = _moment(day, window.start, window.zone), _moment(last, window.end, window.zone)
        if opens < closes:
            yield opens, closes


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When that zone's clock first shows the time; for a skipped time, the moment of the change."""
    local = datetime.combine(day, at)
    found = local.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local:
        return found
    # The clocks were set forward between these two: find the second by bisection.
    before, after = local.replace(tzinfo=zone, fold=1).astimezone(UTC), found
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _time(text: str) -> time:
    hour, minute = (int(part) for part in text.split(":"))
    return time(0, 0) if (hour, minute) == (24, 0) else time(hour, minute)


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return DAILY
    found: set[int] = set()
    for part in text.split(","):
        first, _dash, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        # "fri-mon" includes the weekend.
        found |= {number % 7 for number in range(begin, end + (7 if end < begin else 0) + 1)}
    return frozenset(found)


def day_names() -> list[str]:
    """Monday to Sunday, abbreviated, in the reader's language."""
    return [str(each) for each in (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))]


def _day_words(days: frozenset[int]) -> str:
    if days == DAILY:
        return str(_("every day"))
    names, ordered = day_names(), sorted(days)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{names[ordered[0]]}–{names[ordered[-1]]}"
    return ", ".join(names[each] for each in ordered)


def _days_text(days: frozenset[int]) -> str:
    if days == DAILY:
        return "daily"
    ordered = sorted(days)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{DAYS[ordered[0]]}-{DAYS[ordered[-1]]}"
    return ",".join(DAYS[each] for each in ordered)
