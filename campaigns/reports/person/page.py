"""What the page of a person shows besides what `audience` knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.audience import queries
from campaigns.audience.models import Subscriber
from campaigns.audience.segments.explaining import Part
from campaigns.core.db import LARGEST_ID
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning import queries as planning_queries
from campaigns.reports.person import eligibility
from campaigns.reports.person.moments import Group, Place
from campaigns.reports.person.timeline import Timeline, timeline

LIST, CAMPAIGN = "list", "campaign"


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the person would get something, in a sentence, and why."""

    sentence: Any
    part: Part

    @property
    def holds(self) -> bool:
        return bool(self.part.holds)


def timeline_of(person: Subscriber, arguments: Mapping[str, str]) -> Timeline:
    """The page of the timeline that a URL asks for."""
    group = arguments.get("show", "")
    chosen = Group(group) if group in [each.value for each in Group] else None
    return timeline(person, group=chosen, before=Place.parse(arguments.get("before", "")))


def lists_to_ask() -> list[tuple[str, str]]:
    """The lists that `answer` can be asked about: what to ask, and the name."""
    return [(f"{LIST}-{each.id}", each.name) for each in queries.open_lists()]


def campaigns_to_ask() -> list[tuple[str, str]]:
    """Drafts and scheduled campaigns in the same way, the latest first."""
    return [(f"{CAMPAIGN}-{each.id}", each.name) for each in eligibility.campaigns_to_ask()]


def answer(person: Subscriber, asked: str, *, now: datetime) -> Answer | None:
    """The answer to `list-3` or `campaign-5`; None for anything that isn't there."""
    what, _dash, text = asked.partition("-")
    number = number_in(text)
    if number is None or number > LARGEST_ID:
        return None
    try:
        part = _asked(what, number, person, now)
    except NotFound:
        return None
    return Answer(_sentence(part, person), part) if part else None


def _asked(what: str, number: int, person: Subscriber, now: datetime) -> Part | None:
    if what == LIST:
        return eligibility.why_list(queries.list_(number), person)
    if what == CAMPAIGN:
        return eligibility.why_campaign(planning_queries.campaign(number), person, now=now)
    return None


def _sentence(part: Part, person: Subscriber) -> Any:
    if part.holds:
        return _("%(name)s would get it.", name=person.display_name)
    return _("%(name)s would not get it.", name=person.display_name)
