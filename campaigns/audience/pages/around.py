"""The search from which somebody came to a person, and who stands before and behind the person there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import request, url_for

from campaigns.audience.finding import keyset
from campaigns.audience.models import Subscriber
from campaigns.audience.search import Search
from campaigns.core import clock
from campaigns.core.errors import DomainError
from campaigns.core.time_limit import TookTooLong, time_limit

WITHIN_S = 0.5  # to find them: a page of a person must not wait for a search
SEARCH = ("q", "list", "status", "segment", "tag", "sort")
FROM, PEOPLE = "from", "people"  # says that somebody came from a search, also from one for everybody


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Where Previous and Next lead, None at an end; and the search itself."""

    previous_url: str | None
    next_url: str | None
    back_url: str


def kept_arguments(arguments: Mapping[str, str]) -> dict[str, str]:
    """The part of a URL that says which search somebody came from: nothing if they came from elsewhere."""
    if arguments.get(FROM) != PEOPLE:
        return {}
    return {FROM: PEOPLE} | {name: arguments[name] for name in SEARCH if arguments.get(name)}


def neighbours(person: Subscriber) -> Neighbours | None:
    """Who stands before and behind the person in the search of the URL, or of the page before; None without one."""
    kept = kept_arguments(request.args) or _of_page_before()
    if not kept:
        return None
    try:
        with time_limit(WITHIN_S):
            before, behind = keyset.neighbours(Search.parse(kept, at=clock.now()), person)
    except (DomainError, TookTooLong):  # a segment that is gone or needs a correction, or many people
        before, behind = None, None
    search: dict[str, Any] = {name: value for name, value in kept.items() if name != FROM}
    return Neighbours(_url(before, kept), _url(behind, kept), url_for("audience.index", **search))


def _url(person_id: int | None, kept: dict[str, str]) -> str | None:
    arguments: dict[str, Any] = dict(kept)
    return url_for("audience.person", subscriber_id=person_id, **arguments) if person_id else None


def _of_page_before() -> dict[str, str]:
    """The search of the list of people from which this page was opened."""
    try:
        came_from = urlsplit(request.referrer or "")
    except ValueError:
        return {}
    if came_from.netloc != request.host:
        return {}
    arguments = dict(parse_qsl(came_from.query))
    if came_from.path == url_for("audience.index"):
        return kept_arguments(arguments | {FROM: PEOPLE})
    return {}
