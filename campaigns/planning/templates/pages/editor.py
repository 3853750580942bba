"""The page on which a template is written. Nothing is saved by itself: campaigns begin with what somebody saved."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, jsonify, redirect, render_template, request, url_for

from campaigns.accounts.forms import put
from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.html import looks
from campaigns.content.html.looks import Look
from campaigns.content.language.merge_text import ContentError
from campaigns.content.templates import layouts, previews, queries
from campaigns.content.templates import values as template_values
from campaigns.content.templates.models import Template
from campaigns.content.templates.previews import Shown
from campaigns.core import clock
from campaigns.core.db import begin_by_reading, db
from campaigns.core.errors import Conflict, DomainError, Invalid
from campaigns.core.framing import in_new_tab
from campaigns.core.i18n import _, _n
from campaigns.planning import drafts
from campaigns.planning import previews as campaign_previews
from campaigns.planning.pages import document_editor, text_part, writing
from campaigns.planning.pages.preview import framed
from campaigns.planning.templates import services as usage_services
from campaigns.planning.templates.forms import SHOWN, TemplateForm
from campaigns.planning.versions.pages import conflicts
from campaigns.planning.views import braces


@allow(Action.EDIT_CAMPAIGNS)
def edit(template_id: int) -> Any:
    found = queries.template(template_id)
    form = TemplateForm(found)
    if not form.is_submitted():
        return _editor(found, form)
    try:
        renewed = _save(found, form)
    except DomainError as error:
        return _not_saved(template_id, form, error)
    db.session.commit()
    flash(_said(found, renewed), "success")
    return redirect(url_for("templates.edit", template_id=template_id), 303)


@allow(Action.READ_CAMPAIGNS)
def preview(template_id: int) -> Any:
    """The email of a template, for a frame."""
    return framed_email(queries.template(template_id), looks.look(request.args.get("part")))


@allow(Action.EDIT_CAMPAIGNS)
def show_unsaved(template_id: int) -> Any:
    """What the editor has, as JSON {page, subject, preheader, faults}. Nothing is saved: no writer waits for it."""
    begin_by_reading()
    found, look = queries.template(template_id), looks.look(request.args.get("part"))
    faults = campaign_previews.line_faults(request.form)
    try:
        shown = _unsaved(found)
    except (Invalid, ContentError) as error:
        is_said = isinstance(error, Invalid) and error.field in campaign_previews.LINES
        page = None if is_said else render_template("planning/preview_error.html", error=error)
        return jsonify(page=page, faults=faults)
    return jsonify(
        page=_page_of(shown, look), subject=shown.subject, preheader=shown.preheader, faults=faults
    )


@allow(Action.EDIT_CAMPAIGNS)
def find(template_id: int) -> Any:
    """What is wrong with the text that is being written, as JSON; nothing is saved."""
    found = queries.template(template_id)
    return text_part.found_in(found.format, known={layouts.SLOT} if found.is_layout else set())


def framed_email(content: Any, look: Look = Look.HTML) -> Response:
    """The email of a template or a version, as a page for a frame."""
    try:
        shown = previews.of(content)
    except ContentError as error:
        return framed(render_template("planning/preview_error.html", error=error))
    return framed(_page_of(shown, look), look)


def _page_of(shown: Shown, look: Look) -> str:
    if look is Look.TEXT or not shown.html.strip():
        return render_template("planning/preview_text.html", text=shown.text)
    return in_new_tab(looks.seen(shown.html, look))


def _unsaved(found: Template) -> Shown:
    """What the form says, as it would be saved; raises Invalid or ContentError."""
    place = drafts.place()
    values = {name: request.form[name] for name in SHOWN if name in request.form}
    cleaned = template_values.cleaned(values, format=found.format, place=place)
    known = {name: getattr(found, name) for name in SHOWN}
    return previews.of_values({**known, **cleaned, "format": found.format}, language=place.language)


def _save(found: Template, form: TemplateForm) -> int:
    """Save the form as a new version; the number of drafts that changed with it. Raises what prevents it."""
    if not form.validate():
        field = next(each for each in form if each.errors)
        raise Invalid(field.errors[0], field=field.name)
    return usage_services.save(
        found, form.values(), version=form.known_version, by=operator(), now=clock.now()
    )


def _not_saved(template_id: int, form: TemplateForm, error: DomainError) -> Any:
    """The editor with everything typed, and what was saved meanwhile by others."""
    db.session.rollback()
    found = queries.template(template_id)
    if not isinstance(error, Conflict):
        if not form.errors:
            put(form, error)
        return _editor(found, form), 422
    form.version.data = form.version.raw_data = None
    form.version.process_data(found.version)
    saved = TemplateForm(found, formdata=None, prefix="other")
    latest = queries.version(template_id, found.version)
    differing = conflicts.between(saved, form)
    return _editor(found, form, overtaken_by=latest, differing=differing), 409


def _editor(found: Template, form: TemplateForm, **values: Any) -> Response:
    page = render_template(
        "email_templates/edit.html",
        template=found,
        form=form,
        insertions=_insertions(found),
        looks=list(Look),
        shown=_line_of(found),
        **document_editor.parts_of(found),
        **writing.code_values(found.format, findings_url=url_for("templates.find", template_id=found.id)),
        **values,
    )
    return document_editor.page(page, found)


def _said(found: Template, renewed: int) -> Any:
    if not renewed:
        return _("Saved as version %(number)d.", number=found.version)
    return _n(
        "Saved as version %(version)d. %(num)d draft has changed with it.",
        "Saved as version %(version)d. %(num)d drafts have changed with it.",
        renewed,
        version=found.version,
    )


def _insertions(found: Template) -> list[tuple[Any, Any]]:
    """The merge tags that can be inserted; where a layout can be made of it, also the place for content."""
    tags = campaign_previews.merge_tags()
    if found.format in layouts.TAKES:
        tags.append((layouts.TAG, _("Campaign content (in layouts)")))
    return [(braces(tag), label) for tag, label in tags]


def _line_of(found: Template) -> dict[str, str]:
    """What an inbox shows of it before it is opened."""
    try:
        shown = previews.of(found)
    except ContentError:
        return {"subject": found.subject, "preheader": found.preheader}
    return {"subject": shown.subject, "preheader": shown.preheader}
