"""The preview of a draft: the message as a person gets it, and its line in an inbox."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request

from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.content import starters
from campaigns.content.brands import queries as brands
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core.framing import in_new_tab
from campaigns.planning import previews, queries
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries

# A message may have any styles, but may not run scripts, send forms or contain frames.
MAIL_CSP = (
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src 'self' http: https: data:; style-src 'self' 'unsafe-inline'; font-src 'self' https:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@allow(Action.READ_CAMPAIGNS)
def preview(campaign_id: int) -> Any:
    found = on_record(campaign_id)
    try:
        shown = previews.render(found, _person(found), language=request.args.get("language", "")[:16])
    except ContentError as error:
        return _mail(render_template("planning/preview_error.html", error=error))
    if request.args.get("part") == "text":
        return _mail(render_template("planning/preview_text.html", text=shown.text))
    return _mail(in_new_tab(shown.html))


@allow(Action.READ_CAMPAIGNS)
def email(campaign_id: int) -> Any:
    """A campaign's message, in any status, for the chosen person."""
    found = on_record(campaign_id)
    return render_template("planning/email.html", choices=previews.choices(found), **line_of(found))


@allow(Action.EDIT_CAMPAIGNS)
def starter(key: str) -> Any:
    """A starter as it looks before editing."""
    site = settings_queries.site()
    html = starters.html(
        key,
        language=operator().language,
        site=site.name,
        postal_address=site.postal_address,
        style=brands.default_style(),
    )
    return _mail(merge_text.parse(html, where="html").render_html({}))


@allow(Action.READ_CAMPAIGNS)
def preview_line(campaign_id: int) -> Any:
    return render_template("planning/_line.html", **line_of(on_record(campaign_id)))


@allow(Action.READ_PEOPLE)
def preview_people(campaign_id: int) -> Any:
    choices = previews.choices(on_record(campaign_id))
    return render_template("planning/_people.html", choices=choices, wanted=_wanted())


def on_record(campaign_id: int) -> Campaign:
    """The campaign; that its preview is read is put on record."""
    found = queries.campaign(campaign_id)
    note_view(previews.view_of(found))
    return found


def line_of(found: Campaign) -> dict[str, Any]:
    """What an inbox shows of the message before it is opened."""
    person, wanted = _person(found), request.args.get("address", "")
    try:
        subject, preheader = previews.render(found, person).subject, previews.preheader(found, person)
    except ContentError:
        subject, preheader = found.subject, ""
    return {
        "campaign": found,
        "wanted": _wanted(),
        "line": {"from_": found.from_name or found.from_email, "subject": subject, "preheader": preheader},
        "person": person,
        "nobody": wanted if wanted and person is None else "",
    }


def _wanted() -> dict[str, Any]:
    """What the preview is asked to show."""
    part = request.args.get("part")
    address = request.args.get("address", "")
    return {"person": request.args.get("as"), "address": address, "part": part, "is_text": part == "text"}


def _person(found: Campaign) -> Any:
    """The person of the preview: a typed address takes precedence over the choice."""
    return previews.person_for(found, request.args.get("address") or request.args.get("as") or "")


def _mail(html: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = MAIL_CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
