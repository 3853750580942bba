"""Warming up a server: a little more each day, until receivers know its address. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

USUAL = (50, 100, 500, 1_000, 5_000, 10_000, 20_000, 40_000, 70_000, 100_000, 150_000, 250_000, 400_000)
LONGEST_DAYS = 120
MOST = 10**8


def allowance(start: date | None, curve: Sequence[int] | None, day: date) -> int | None:
    """Messages allowed on that day; None if there is no plan, or it has not begun or is over."""
    if start is None or not curve or not 0 <= (day - start).days < len(curve):
        return None
    return curve[(day - start).days]


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day of that moment in the site's zone."""
    return moment.astimezone(zone).date()


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which that day ends."""
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone).astimezone(UTC)


def read_curve(text: str) -> list[int]:
    """The numbers in a text like `50, 100, 500`; raises Invalid(field="warm_up_curve")."""
    words = text.replace(",", " ").replace(";", " ").split()
    if not words or len(words) > LONGEST_DAYS or not all(word.isascii() and word.isdigit() for word in words):
        raise Invalid(
            _(
                "Enter the emails per day, such as “50, 100, 500”, for up to %(most)s days.",
                most=LONGEST_DAYS,
            ),
            field="warm_up_curve",
        )
    curve = [int(word[:10]) for word in words]
    if min(curve) < 1 or max(curve) > MOST:
        raise Invalid(_("Each day needs at least one email."), field="warm_up_curve")
    return curve
