"""The palette of Ctrl K; without script it is a page with a search field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for

from campaigns.accounts import policy
from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.audience import reading
from campaigns.core.i18n import _
from campaigns.navigation import navigation
from campaigns.palette import queries

bp = Blueprint("palette", __name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A page or action in the palette."""

    label: str
    url: str
    icon: str


# The most frequent actions: label, endpoint, icon, permission.
ACTIONS = (
    (_("New campaign"), "planning.create", "plus", Action.EDIT_CAMPAIGNS),
    (_("Import people"), "audience.import_create", "file-import", Action.EDIT_PEOPLE),
    (_("Add person"), "audience.create_person", "user-plus", Action.EDIT_PEOPLE),
    (_("Create list"), "audience.list_create", "list", Action.EDIT_PEOPLE),
    (_("Suppress addresses"), "audience.suppression_create", "ban", Action.EDIT_PEOPLE),
    (_("Add sending server"), "settings.server_create", "server", Action.ADMINISTER),
    (_("Add sending domain"), "settings.sending_domain_create", "shield-check", Action.ADMINISTER),
    (_("Add sender"), "settings.sender_create", "at", Action.ADMINISTER),
    (_("Invite team member"), "accounts.invite", "user-plus", Action.ADMINISTER),
    (_("Profile"), "accounts.profile", "user", Action.SIGN_IN),
)


@bp.get("/find")
@allow(Action.SIGN_IN)
def find() -> Any:
    text = request.args.get("q", "").strip()[: queries.LONGEST_TEXT]
    people = queries.people(text) if _may(Action.READ_PEOPLE) else []
    if people:
        note_view(reading.of_found(len(people)))
    is_part = request.headers.get("X-Requested-With") == "palette"
    found = {
        "places": _places(text),
        "campaigns": queries.campaigns(text) if _may(Action.READ_CAMPAIGNS) else [],
        "people": people,
        "lists": queries.lists(text) if _may(Action.READ_PEOPLE) else [],
    }
    page = "palette/results.html" if is_part else "palette/page.html"
    return render_template(page, text=text, is_empty=not any(found.values()), **found)


def _may(action: Action) -> bool:
    return policy.can(operator(), action)


def _places(text: str) -> list[Place]:
    """Actions and pages with all words in the name; all of them without words."""
    words = text.casefold().split()
    return [each for each in _all_places() if all(word in each.label.casefold() for word in words)]


def _all_places() -> list[Place]:
    found = [
        Place(str(label), url_for(endpoint), icon)
        for label, endpoint, icon, action in ACTIONS
        if _may(action)
    ]
    for item in navigation().items:
        found += [Place(str(each.label), each.url, each.icon) for each in (item.children or [item])]
    return found
