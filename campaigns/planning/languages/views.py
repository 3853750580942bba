"""Pages of a campaign's content in other languages."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, jsonify, redirect, render_template, url_for
from flask_babel import format_datetime

from campaigns.accounts.forms import accepted, put
from campaigns.accounts.guards import Action, allow
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, Invalid
from campaigns.core.i18n import _
from campaigns.planning import previews
from campaigns.planning import queries as planning_queries
from campaigns.planning.languages import queries, services
from campaigns.planning.languages.forms import LanguageForm, TranslationForm
from campaigns.planning.languages.models import Translation
from campaigns.planning.models import Campaign
from campaigns.planning.pages import document_editor, language_tabs, writing
from campaigns.planning.pages import preview as preview_pages
from campaigns.planning.views import bp, braces


@bp.route("/campaigns/<int:campaign_id>/languages/new", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def create_language(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    if not found.is_editable:
        return redirect(url_for(".show", campaign_id=campaign_id))
    form = LanguageForm(known={each.language for each in queries.translations(campaign_id)})
    if form.validate_on_submit() and (made := accepted(form, lambda: _added(found, form))):
        db.session.commit()
        return redirect(url_for(".edit_language", campaign_id=campaign_id, language=made.language), 303)
    page = render_template(
        "planning/languages/create.html", form=form, campaign=found, tabs=language_tabs.of(found, chosen="+")
    )
    return page, 422 if form.is_submitted() else 200


@bp.route("/campaigns/<int:campaign_id>/languages/<language>", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def edit_language(campaign_id: int, language: str) -> Any:
    found = planning_queries.campaign(campaign_id)
    if not found.is_editable:
        return redirect(url_for(".show", campaign_id=campaign_id))
    translation = queries.translation(campaign_id, language)
    form = TranslationForm(translation)
    if not form.is_submitted():
        preview_pages.on_record(campaign_id)
        return _editor(found, translation, form)
    try:
        _save(found, translation, form)
    except DomainError as error:
        return _not_saved(campaign_id, language, form, error)
    db.session.commit()
    return redirect(url_for(".edit_language", campaign_id=campaign_id, language=language), 303)


@bp.post("/campaigns/<int:campaign_id>/languages/<language>/autosave")
@allow(Action.EDIT_CAMPAIGNS)
def create_language_autosave(campaign_id: int, language: str) -> Any:
    found, translation = planning_queries.campaign(campaign_id), queries.translation(campaign_id, language)
    form = TranslationForm(translation)
    try:
        _save(found, translation, form, is_automatic=True)
    except DomainError as error:
        db.session.rollback()
        return jsonify(error=str(error)), 409 if isinstance(error, Conflict) else 422
    db.session.commit()
    return jsonify(saved=format_datetime(translation.updated_at, "HH:mm"), version=translation.version)


@bp.post("/campaigns/<int:campaign_id>/languages/<language>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_language(campaign_id: int, language: str) -> Any:
    found, words = planning_queries.campaign(campaign_id), language_tabs.name(language)
    services.delete(found, language, now=clock.now())
    db.session.commit()
    flash(_("%(language)s deleted. Its readers get the default content.", language=words), "success")
    return redirect(url_for(".edit", campaign_id=campaign_id), 303)


def _added(found: Campaign, form: LanguageForm) -> Translation:
    return services.add(found, form.language.data or "", now=clock.now())


def _save(
    found: Campaign, translation: Translation, form: TranslationForm, *, is_automatic: bool = False
) -> None:
    """Save the form into the translation; raises what prevents it."""
    if not form.validate():
        field = next(each for each in form if each.errors)
        raise Invalid(field.errors[0], field=field.name)
    services.save(
        found,
        translation,
        version=form.known_version,
        values=form.values(),
        now=clock.now(),
        is_automatic=is_automatic,
    )


def _not_saved(campaign_id: int, language: str, form: TranslationForm, error: DomainError) -> Any:
    """The editor with everything typed, and beside it what was saved meanwhile by others."""
    db.session.rollback()
    found, translation = planning_queries.campaign(campaign_id), queries.translation(campaign_id, language)
    if not isinstance(error, Conflict):
        put(form, error if isinstance(error, Invalid) else Invalid(error.message))
        return _editor(found, translation, form), 422
    form.version.data = form.version.raw_data = None
    form.version.process_data(translation.version)
    saved = TranslationForm(translation, formdata=None, prefix="other")
    names = ("subject", "preheader", "written", "html", "text")
    differing = [saved[name] for name in names if form[name].data != saved[name].data]
    return _editor(found, translation, form, differing=differing, error=error), 409


def _editor(found: Campaign, translation: Translation, form: TranslationForm, **values: Any) -> Response:
    page = render_template(
        "planning/languages/edit.html",
        campaign=found,
        translation=translation,
        language_name=language_tabs.name(translation.language),
        tabs=language_tabs.of(found, chosen=translation.language),
        form=form,
        insertions=[(braces(tag), label) for tag, label in previews.merge_tags()],
        **document_editor.parts_of(translation),
        **writing.code_parts(found, translation.format),
        **values,
    )
    return document_editor.page(page, translation)
