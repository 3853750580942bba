"""Everything that happened to a person, latest first, in pages that begin behind the last line shown."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from campaigns.audience.models import Subscriber
from campaigns.reports.person.moments import Group, Moment, Place
from campaigns.reports.person.sources import OF_GROUP, Reader

PAGE_SIZE = 40  # lines, before equal ones are shown as one


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of a timeline. `next`: where the next page begins; None at the end."""

    moments: Sequence[Moment]
    next: Place | None
    group: Group | None = None
    before: Place | None = None

    def days(self, zone: ZoneInfo) -> list[tuple[date, list[Moment]]]:
        """The lines by day in a time zone, equal ones of a day that follow each other as one."""
        by_day = groupby(self.moments, key=lambda each: each.at.astimezone(zone).date())
        return [(day, folded(some)) for day, some in by_day]


def timeline(
    person: Subscriber, *, group: Group | None = None, before: Place | None = None, size: int = PAGE_SIZE
) -> Timeline:
    """A page of a person's timeline: of everything, or of one group; from the latest, or from before a place."""
    reader = Reader(person, before, size + 1)
    sources = [one for each in ([group] if group else Group) for one in OF_GROUP[each]]
    found = heapq.nlargest(
        size + 1, (moment for read in sources for moment in read(reader)), key=lambda each: each.place
    )
    shown = found[:size]
    return Timeline(shown, shown[-1].place if len(found) > size else None, group, before)


def whole(person: Subscriber) -> Iterable[Moment]:
    """A person's whole timeline, read in pages."""
    page = timeline(person, size=1000)
    yield from page.moments
    while page.next is not None:
        page = timeline(person, before=page.next, size=1000)
        yield from page.moments


def folded(moments: Iterable[Moment]) -> list[Moment]:
    """Lines without those that say the same as the one above them: that one says how often."""
    found: list[Moment] = []
    for each in moments:
        last = found[-1] if found else None
        is_same = (
            each.same is not None
            and last is not None
            and (last.source, last.same) == (each.source, each.same)
        )
        if is_same and last is not None:
            found[-1] = replace(last, times=last.times + 1)
        else:
            found.append(each)
    return found
