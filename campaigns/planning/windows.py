"""Sending windows: the hours of the week in which a campaign may go out, on the wall clock of a zone. Pure.

An opening belongs to the day on which it begins: "fri 22:00-06:00" ends on Saturday morning. It is open for
as long as the clock says, also in the two strange nights of a year: an hour that is skipped is not sent in,
a bound inside it moves to the moment of the change, and an hour that comes twice ends at its first end.
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
FURTHEST_DAYS = 15  # a zone may skip a whole day, and with it the only one that is chosen
LONGEST_LOOK = timedelta(days=8)
LONGEST_TEXT = 120
_TEXT = re.compile(r"(?P<days>\S+)\s+(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)\s+(?P<zone>\S+)")


@dataclass(frozen=True, slots=True)
class Window:
    """Days (0 is Monday), from when until when, in which zone. `end` not after `start` is the next day's."""

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
    """The window of a text like `mon-fri 09:00-17:00 Europe/Vienna`; raises Invalid(field="window")."""
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
    """The window as people say it: `Mon–Fri 09:00–17:00 (Europe/Vienna)`, in their language."""
    return f"{_day_words(window.days)} {window.start:%H:%M}–{window.end:%H:%M} ({window.zone.key})"


def usual(zone: str) -> str:
    """What a form begins with: office hours in that zone."""
    return f"mon-fri 09:00-17:00 {zone if zone in clock.zone_names() else 'UTC'}"


def is_open(window: Window, moment: datetime) -> bool:
    """Whether mails may go out at that moment."""
    return any(opens <= moment < closes for opens, closes in _openings(window, moment))


def next_opening(window: Window, moment: datetime) -> datetime:
    """The first moment from then on at which mails may go out; `moment` itself while it is open. UTC."""
    for opens, closes in _openings(window, moment):
        if moment < closes:
            return max(opens, moment.astimezone(UTC))
    raise AssertionError(f"{window} never opens")  # no zone skips a weekday twice in a row


def remaining(window: Window, moment: datetime) -> timedelta:
    """For how long it stays open: zero when it is closed; a week or more when it hardly ever closes."""
    end = moment
    for opens, closes in _openings(window, moment):
        if opens <= end < closes:
            end = closes
        if end - moment >= LONGEST_LOOK:
            break
    return end - moment


def _openings(window: Window, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From the one that may have begun yesterday on, in order."""
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
    """When that zone's clock shows it first; for a time that is skipped, the moment of the change."""
    local = datetime.combine(day, at)
    found = local.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local:
        return found
    # Between these two the clocks were set forward: come closer to it second by second.
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
        # "fri-mon" goes over the weekend.
        found |= {number % 7 for number in range(begin, end + (7 if end < begin else 0) + 1)}
    return frozenset(found)


def day_names() -> list[str]:
    """Monday to Sunday, in short, in the reader's language."""
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
