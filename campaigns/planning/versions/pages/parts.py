"""What the pages of versions show: rows, what a version is compared with, and previews."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, render_template, url_for
from flask_babel import format_datetime

from campaigns.accounts.guards import Action, allow
from campaigns.content.language.merge_text import ContentError
from campaigns.core.framing import in_new_tab
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning import previews
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign
from campaigns.planning.pages.preview import MAIL_CSP
from campaigns.planning.versions import comparing, contents, queries
from campaigns.planning.versions.contents import Content
from campaigns.planning.versions.models import DraftVersion


@dataclass(frozen=True, slots=True)
class Row:
    """A version in the list."""

    version: DraftVersion
    changes: str
    is_current: bool


def rows(versions: Iterable[DraftVersion], *, current: DraftVersion | None) -> list[Row]:
    """The versions with what changed in each, in words."""
    number = current.number if current else None
    return [Row(each, comparing.in_words(each.changed), each.number == number) for each in versions]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two versions that are compared: its title, and its preview's address."""

    title: str
    content: Content
    url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to compare with."""

    value: str
    label: str
    is_chosen: bool


def compared(found: Campaign, version: DraftVersion, wanted: str) -> dict[str, Any]:
    """A version beside another one, the older on the left; `wanted` is a number or "now".

    By itself it is compared with the draft as it is now; the version that the draft says now, with the one before.
    """
    current = queries.current(found.id)
    is_current = current is not None and current.number == version.number
    other = _other(version, wanted, is_current=is_current)
    mine = _side(version)
    if other is None:
        before, after = mine, _now(found)
    else:
        theirs = _side(other)
        before, after = (theirs, mine) if other.number <= version.number else (mine, theirs)
    return {
        "is_current": is_current,
        "before": before,
        "after": after,
        "comparison": comparing.compare(before.content, after.content),
        "choices": _choices(version, other),
        "can_restore": found.is_editable and not is_current,
    }


def _other(version: DraftVersion, wanted: str, *, is_current: bool) -> DraftVersion | None:
    """The version to compare with; None for the draft as it is now."""
    if wanted == "now":
        return None
    if number := number_in(wanted):
        return queries.version(version.campaign_id, number)
    return queries.previous(version) if is_current else None


def _side(version: DraftVersion) -> Side:
    url = url_for("planning.version_preview", campaign_id=version.campaign_id, number=version.number)
    return Side(title(version), contents.unpack(version.content), url)


def _now(found: Campaign) -> Side:
    url = url_for("planning.preview_now", campaign_id=found.id)
    return Side(str(_("Current version") if found.is_editable else _("As sent")), contents.of(found), url)


def _choices(version: DraftVersion, other: DraftVersion | None) -> list[Choice]:
    chosen = other.number if other else None
    return [
        Choice("now", str(_("Current version")), chosen is None),
        *(
            Choice(str(each.number), _line(each), each.number == chosen)
            for each in queries.every_version(version.campaign_id)
            if each.number != version.number
        ),
    ]


def title(version: DraftVersion) -> str:
    """What a version is called: its name, else its number."""
    return version.name or str(_("Version %(number)d", number=version.number))


def _line(version: DraftVersion) -> str:
    return f"{title(version)} · {format_datetime(version.saved_at, 'short')}"


@allow(Action.READ_CAMPAIGNS)
def version_preview(campaign_id: int, number: int) -> Any:
    """A version's email, for a person without fields."""
    planning_queries.campaign(campaign_id)
    version = queries.version(campaign_id, number)
    return _previewed(comparing.as_campaign(contents.unpack(version.content)))


@allow(Action.READ_CAMPAIGNS)
def preview_now(campaign_id: int) -> Any:
    """The campaign's email as it is now, for a person without fields."""
    return _previewed(planning_queries.campaign(campaign_id))


def _previewed(found: Campaign) -> Any:
    try:
        shown = previews.render(found, None)
    except ContentError as error:
        return _mail(render_template("planning/preview_error.html", error=error))
    if not found.html.strip():
        return _mail(render_template("planning/preview_text.html", text=shown.text))
    return _mail(in_new_tab(shown.html))


def _mail(html: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = MAIL_CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
