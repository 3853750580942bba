"""Which versions of a draft are kept as they grow older. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

ALL_FOR = timedelta(days=1)
HOURLY_FOR = timedelta(days=7)
MOST = 300  # versions of a campaign that have no name
MOST_BYTES = 20 * 1024 * 1024  # that they take together


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as far as thinning asks: `size` in bytes."""

    number: int
    at: datetime
    size: int = 0
    is_named: bool = False
    is_conflict: bool = False


def superfluous(versions: Iterable[Kept], *, now: datetime) -> set[int]:
    """The numbers of the versions that can go.

    All of the last day stay; then the newest of each hour for a week; then the newest of each day. What was not
    saved because of a conflict is counted apart, so that it is not displaced by what was saved. Beyond MOST
    versions or MOST_BYTES the oldest go. Named ones and the newest are never among them.
    """
    newest_first = sorted(versions, key=lambda each: each.number, reverse=True)
    mortal = [each for each in newest_first[1:] if not each.is_named]
    seen = {_place(each, now) for each in newest_first[:1]}
    gone, left = set(), []
    for each in mortal:
        place = _place(each, now)
        if place is not None and place in seen:
            gone.add(each.number)
            continue
        seen.add(place)
        left.append(each)
    return gone | _beyond(left, newest=newest_first[:1])


def _place(version: Kept, now: datetime) -> tuple[bool, str] | None:
    """What only one version may stand for; None while all stay."""
    age = now - version.at
    if age < ALL_FOR:
        return None
    form = "%Y-%m-%d %H" if age < HOURLY_FOR else "%Y-%m-%d"
    return version.is_conflict, version.at.strftime(form)


def _beyond(left: list[Kept], *, newest: list[Kept]) -> set[int]:
    """The oldest of these, beyond what a campaign may have."""
    room = MOST_BYTES - sum(each.size for each in newest if not each.is_named)
    for at, each in enumerate(left):
        room -= each.size
        if room < 0 or at >= MOST - 1:
            return {other.number for other in left[at:]}
    return set()
