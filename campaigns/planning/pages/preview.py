"""The preview of a draft: the message as a person gets it, and its line in an inbox."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, make_response, render_template, request

from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.content import starters
from campaigns.content.brands import queries as brand_queries
from campaigns.content.compiled.source import Preview
from campaigns.content.html import looks
from campaigns.content.html.looks import Look
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core.db import begin_by_reading
from campaigns.core.errors import Invalid
from campaigns.core.framing import in_new_tab
from campaigns.core.i18n import _, _n
from campaigns.planning import previews, queries
from campaigns.planning.models import Campaign
from campaigns.planning.sharing import queries as sharing_queries
from campaigns.settings import queries as settings_queries

# A message may have any styles, but may not run scripts, send forms or contain frames.
MAIL_CSP = (
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src 'self' http: https: data:; style-src 'self' 'unsafe-inline'; font-src 'self' https:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

NO_IMAGES_CSP = MAIL_CSP.replace("img-src 'self' http: https: data:", "img-src 'none'")
# The frames of the page that compares: what each is called, its look, and the class that makes it narrow.
FRAMES = (
    (_("Desktop"), Look.HTML, ""),
    (_("Phone"), Look.HTML, "phone"),
    (_("Dark mode"), Look.DARK, ""),
    (_("Dark mode on a phone"), Look.DARK, "phone"),
    (_("Images off"), Look.NO_IMAGES, ""),
    (_("Text"), Look.TEXT, "phone"),
)


@allow(Action.READ_CAMPAIGNS)
def preview(campaign_id: int) -> Any:
    found = on_record(campaign_id)
    look = looks.look(request.args.get("part"))
    try:
        shown = previews.render(found, _person(found), language=request.args.get("language", "")[:16])
    except ContentError as error:
        return framed(render_template("planning/preview_error.html", error=error))
    return framed(page_of(shown, look), look)


def _lines(shown: Preview, preheader: str) -> dict[str, str]:
    return {"sender": shown.from_name, "subject": shown.subject, "preheader": preheader}


def _fault_page(error: Invalid) -> str | None:
    """What the preview says instead; None for what is told under its field, where the preview stays as it was."""
    is_said = error.field in previews.LINES
    return None if is_said else render_template("planning/preview_error.html", error=error)


@allow(Action.EDIT_CAMPAIGNS)
def show_unsaved(campaign_id: int) -> Any:
    """What the editor has, as JSON {page, sender, subject, preheader, faults}. Nothing is saved: no writer waits for it.

    `faults`: a sentence, or nothing, for each line that is written.
    """
    begin_by_reading()
    found = on_record(campaign_id)
    person, look = _person(found), looks.look(request.args.get("part"))
    faults = previews.line_faults(request.form)
    translated = request.args.get("language", "")[:16]
    try:
        source = previews.source_for(found, person, language=translated)
        source = previews.unsaved(source, found, request.form, translated=translated)
        shown = previews.shown(source, person, is_html_only=look is not Look.TEXT)
        preheader = previews.preheader(source, person)
    except Invalid as error:
        return jsonify(page=_fault_page(error), faults=faults)
    return jsonify(page=page_of(shown, look), faults=faults, **_lines(shown, preheader))


@allow(Action.READ_CAMPAIGNS)
def compare(campaign_id: int) -> Any:
    """The email in all looks on one page."""
    found = on_record(campaign_id)
    return render_template(
        "planning/preview/all.html", frames=FRAMES, choices=previews.choices(found), **line_of(found)
    )


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
        style=brand_queries.default_style(),
    )
    return framed(merge_text.parse(html, where="html").render_html({}))


@allow(Action.READ_CAMPAIGNS)
def preview_line(campaign_id: int) -> Any:
    return render_template("planning/_line.html", **line_of(on_record(campaign_id)))


@allow(Action.READ_PEOPLE)
def preview_people(campaign_id: int) -> Any:
    found = on_record(campaign_id)
    if "q" in request.args:
        return render_template("planning/preview/_found.html", people=previews.found(request.args["q"]))
    return render_template("planning/_people.html", choices=previews.choices(found), wanted=_wanted())


def on_record(campaign_id: int) -> Campaign:
    """The campaign; that its preview is read is put on record."""
    found = queries.campaign(campaign_id)
    note_view(previews.view_of(found))
    return found


def line_of(found: Campaign) -> dict[str, Any]:
    """What an inbox shows of the message before it is opened."""
    person, wanted = _person(found), request.args.get("address", "")
    try:
        source = previews.source_for(found, person)
        shown, preheader = previews.shown(source, person), previews.preheader(source, person)
    except ContentError:
        shown, preheader = Preview(found.subject, "", "", found.from_name, found.reply_to or ""), ""
    return {
        "campaign": found,
        "wanted": _wanted(),
        "line": {
            "from_": shown.from_name or found.from_email,
            "subject": shown.subject,
            "preheader": preheader,
            "reply_to": shown.reply_to if "{" in (found.reply_to or "") else "",
        },
        "sharing_label": _sharing_label(sharing_queries.open_count(found.id)),
        "person": person,
        "nobody": wanted if wanted and person is None else "",
    }


def _sharing_label(comments: int) -> Any:
    return (
        _n("Share, %(num)d comment", "Share, %(num)d comments", comments) if comments else _("Share preview")
    )


def _wanted() -> dict[str, Any]:
    """What the preview is asked to show."""
    part = request.args.get("part")
    address = request.args.get("address", "")
    person = request.args.get("as")
    return {"person": person, "address": address, "part": part, "look": looks.look(part), "looks": list(Look)}


def _person(found: Campaign) -> Any:
    """The person of the preview: a typed address takes precedence over the choice."""
    return previews.person_for(found, request.args.get("address") or request.args.get("as") or "")


def page_of(shown: Preview, look: Look) -> str:
    """The email as a page of its own, in that look."""
    if look is Look.TEXT:
        return render_template("planning/preview_text.html", text=shown.text)
    return in_new_tab(looks.seen(shown.html, look))


def framed(html: str, look: Look = Look.HTML) -> Response:
    """A page that can do nothing, for a frame of ours."""
    response = make_response(html)
    response.headers["Content-Security-Policy"] = NO_IMAGES_CSP if look is Look.NO_IMAGES else MAIL_CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
