"""Pages of templates. Whoever edits campaigns edits these: they say nothing about people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template
from campaigns.content.templates.values import LONGEST
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _, _n
from campaigns.core.paging import number_in, page_number
from campaigns.planning import creation
from campaigns.planning import queries as planning_queries
from campaigns.planning.blocks.views import tabs
from campaigns.planning.templates import attachments
from campaigns.planning.templates import queries as usage_queries
from campaigns.planning.templates import services as usage_services
from campaigns.planning.templates.pages import attached, beginning, editor, using

bp = Blueprint("templates", __name__)
_TEMPLATE = "/templates/<int:template_id>"
_VERSION = f"{_TEMPLATE}/versions/<int:number>"


@bp.get("/templates")
@allow(Action.READ_CAMPAIGNS)
def index() -> Any:
    search = request.args.get("q", "").strip()[:200]
    page = queries.templates(search=search, page=page_number(request.args.get("page")))
    return render_template(
        "email_templates/index.html",
        page=page,
        search=search,
        is_blank=not page.total and not search,
        tabs=tabs(chosen="templates"),
    )


@bp.get(_TEMPLATE)
@allow(Action.READ_CAMPAIGNS)
def show(template_id: int) -> Any:
    found = queries.template(template_id)
    in_it = usage_queries.campaigns_in(found) if found.is_layout else None
    uses = usage_queries.count_of(found) if in_it is None else in_it.total
    return render_template(
        "email_templates/show.html",
        template=found,
        longest_name=LONGEST["name"],
        uses=_n("%(num)d campaign", "%(num)d campaigns", uses),
        campaigns=in_it,
        attached=attachments.of(found),
        page=queries.versions(found.id, page=page_number(request.args.get("page"))),
    )


bp.add_url_rule(f"{_TEMPLATE}/preview", view_func=editor.preview)
bp.add_url_rule(f"{_TEMPLATE}/edit", view_func=editor.edit, methods=["GET", "POST"])
bp.add_url_rule(f"{_TEMPLATE}/edit/preview", view_func=editor.show_unsaved, methods=["POST"])
bp.add_url_rule(f"{_TEMPLATE}/edit/findings", view_func=editor.find, methods=["POST"])
for path, done in (("layout", using.choose_layout), ("template/update", using.update_from_campaign)):
    bp.add_url_rule(f"/campaigns/<int:campaign_id>/{path}", view_func=done, methods=["POST"])
bp.add_url_rule(f"{_TEMPLATE}/attachments", view_func=attached.create_attachments, methods=["POST"])
bp.add_url_rule(
    f"{_TEMPLATE}/attachments/<int:file_id>/delete", view_func=attached.delete_attachment, methods=["POST"]
)
bp.add_url_rule("/templates/new", view_func=beginning.create, methods=["GET", "POST"])


@bp.get(_VERSION)
@allow(Action.READ_CAMPAIGNS)
def version(template_id: int, number: int) -> Any:
    return render_template(
        "email_templates/version.html",
        template=queries.template(template_id),
        version=queries.version(template_id, number),
    )


@bp.get(f"{_VERSION}/preview")
@allow(Action.READ_CAMPAIGNS)
def version_preview(template_id: int, number: int) -> Any:
    """The email of a version, for a frame."""
    return editor.framed_email(queries.version(template_id, number))


@bp.post(f"{_VERSION}/restore")
@allow(Action.EDIT_CAMPAIGNS)
def create_restore(template_id: int, number: int) -> Any:
    """Make a version the newest one, unless the template was changed since the page was loaded."""
    found, kept = queries.template(template_id), queries.version(template_id, number)
    seen, now = number_in(request.form.get("version")) or 0, clock.now()
    try:
        usage_services.restore(found, kept, version=seen, by=operator(), now=now)
    except DomainError as error:
        return _refused(error, url_for(".version", template_id=template_id, number=number))
    db.session.commit()
    flash(_("Version %(number)d restored as a new version.", number=number), "success")
    return _to(found)


@bp.post(f"{_TEMPLATE}/name")
@allow(Action.EDIT_CAMPAIGNS)
def create_name(template_id: int) -> Any:
    found = queries.template(template_id)
    try:
        services.rename(found, request.form.get("name", ""), now=clock.now())
    except DomainError as error:
        return _refused(error, url_for(".show", template_id=template_id))
    db.session.commit()
    flash(_("Template renamed."), "success")
    return _to(found)


@bp.post(f"{_TEMPLATE}/copies")
@allow(Action.EDIT_CAMPAIGNS)
def create_copy(template_id: int) -> Any:
    found = queries.template(template_id)
    try:
        made = usage_services.duplicate(found, by=operator(), now=clock.now())
    except DomainError as error:
        return _refused(error, url_for(".show", template_id=template_id))
    db.session.commit()
    flash(_("Copied. The original is unchanged."), "success")
    return _to(made)


@bp.post(f"{_TEMPLATE}/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete(template_id: int) -> Any:
    try:
        usage_services.delete(queries.template(template_id), now=clock.now())
    except DomainError as error:
        return _refused(error, url_for(".show", template_id=template_id))
    db.session.commit()
    flash(_("Template deleted. Campaigns that began with it keep their content."), "success")
    return redirect(url_for(".index"), 303)


@bp.post(f"{_TEMPLATE}/campaigns")
@allow(Action.EDIT_CAMPAIGNS)
def create_campaign(template_id: int) -> Any:
    """A campaign that begins with a template, under the template's name."""
    found = queries.template(template_id)
    start = f"{creation.TEMPLATE}{found.id}"
    try:
        made = creation.begin(start, name=found.name, by=operator(), now=clock.now())
    except DomainError as error:
        return _refused(error, url_for(".show", template_id=template_id))
    db.session.commit()
    return redirect(url_for("planning.edit", campaign_id=made.id), 303)


@bp.post("/campaigns/<int:campaign_id>/template")
@allow(Action.EDIT_CAMPAIGNS)
def create_from_campaign(campaign_id: int) -> Any:
    """Keep a campaign's email, as it was last saved, as a new template."""
    found, name = planning_queries.campaign(campaign_id), request.form.get("name", "")
    try:
        made = usage_services.template_of(found, name=name, by=operator(), now=clock.now())
    except DomainError as error:
        return _refused(error, url_for("planning.edit", campaign_id=campaign_id))
    db.session.commit()
    flash(_("Template created. The campaign is unchanged."), "success")
    return _to(made)


def _to(template: Template) -> Any:
    return redirect(url_for(".show", template_id=template.id), 303)


def _refused(error: DomainError, url: str) -> Any:
    """Flash the reason and return to the page."""
    db.session.rollback()
    flash(error.message, "error")
    return redirect(url, 303)
