"""Times as operators enter them: local time in a zone, including the two nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

MORNING = time(9, 0)


def moment(text: str, zone: ZoneInfo) -> datetime:
    """The UTC moment of a `datetime-local` value in that zone; of an hour that occurs twice, the first.

    Raises Invalid(field="at") for an invalid time, and for an hour that the clocks skip on that day.
    """
    try:
        local = datetime.fromisoformat(text.strip()).replace(tzinfo=None)
        found = local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(_("Choose a day and a time."), field="at") from error
    back = found.astimezone(zone).replace(tzinfo=None)
    if back != local:
        raise Invalid(
            _(
                "%(time)s doesn't exist on that day in %(zone)s because the clocks change. Choose "
                "%(next)s or another time.",
                time=f"{local:%H:%M}",
                zone=zone.key,
                next=f"{back:%H:%M}",
            ),
            field="at",
        )
    return found


def local_text(at: datetime, zone: ZoneInfo) -> str:
    """A moment as a `datetime-local` value in the zone."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def suggestions(now: datetime, zone: ZoneInfo) -> list[tuple[Any, datetime]]:
    """Suggested times: their words and moments (UTC)."""
    today = now.astimezone(zone).date()
    monday = today + timedelta(days=7 - today.weekday())
    return [
        (_("In 2 hours"), now + timedelta(hours=2)),
        (_("Tomorrow at 9:00"), _morning(today + timedelta(days=1), zone)),
        (_("Next Monday at 9:00"), _morning(monday, zone)),
    ]


def _morning(day: Any, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, MORNING, tzinfo=zone).astimezone(UTC)
