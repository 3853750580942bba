"""Pages of saved blocks, under Templates. Whoever edits campaigns edits these: they say nothing about people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.blocks import queries, services
from campaigns.content.blocks.models import LONGEST_NAME
from campaigns.content.brands import queries as brand_queries
from campaigns.content.documents.style import Style
from campaigns.content.language import merge_text
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.core.paging import page_number
from campaigns.page_parts import Tab
from campaigns.planning import drafts
from campaigns.planning.pages.preview import framed

bp = Blueprint("blocks", __name__)


@bp.get("/blocks")
@allow(Action.READ_CAMPAIGNS)
def index() -> Any:
    search = request.args.get("q", "").strip()[:200]
    page = queries.blocks(search=search, page=page_number(request.args.get("page")))
    return render_template(
        "blocks/index.html",
        page=page,
        search=search,
        is_blank=not page.total and not search,
        tabs=tabs(chosen="blocks"),
    )


@bp.get("/blocks.json")
@allow(Action.EDIT_CAMPAIGNS)
def listed() -> Any:
    """All saved blocks by name, for the editor; each has the address of its content."""
    found = [
        {"id": number, "name": name, "url": url_for(".content", block_id=number)}
        for number, name in queries.names()
    ]
    return jsonify(blocks=found)


@bp.post("/blocks.json")
@allow(Action.EDIT_CAMPAIGNS)
def create() -> Any:
    """Keep blocks of the editor: `name`, and `content` as JSON text."""
    name, content = request.form.get("name", ""), request.form.get("content", "")
    try:
        made = services.save(name, content, by=operator(), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        return jsonify(error=str(error.message)), 422
    db.session.commit()
    return jsonify(id=made.id, name=made.name, url=url_for(".content", block_id=made.id)), 201


@bp.get("/blocks/<int:block_id>.json")
@allow(Action.EDIT_CAMPAIGNS)
def content(block_id: int) -> Any:
    """The blocks, for the editor."""
    return jsonify(content=queries.content(queries.block(block_id)))


@bp.get("/blocks/<int:block_id>")
@allow(Action.READ_CAMPAIGNS)
def show(block_id: int) -> Any:
    return render_template("blocks/show.html", block=queries.block(block_id), longest_name=LONGEST_NAME)


@bp.get("/blocks/<int:block_id>/preview")
@allow(Action.READ_CAMPAIGNS)
def preview(block_id: int) -> Any:
    """The blocks in the style that new emails have, for a frame."""
    place, style = drafts.place(), brand_queries.default_style() or Style()
    found = queries.block(block_id)
    try:
        html = queries.html_of(found, style=style, language=place.language, public_url=place.public_url)
        return framed(merge_text.parse(html, where="html").render_html({}))
    except DomainError as error:
        return framed(render_template("planning/preview_error.html", error=error))


@bp.post("/blocks/<int:block_id>/name")
@allow(Action.EDIT_CAMPAIGNS)
def create_name(block_id: int) -> Any:
    found = queries.block(block_id)
    try:
        services.rename(found, request.form.get("name", ""), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        flash(error.message, "error")
        return _to(block_id)
    db.session.commit()
    flash(_("Saved block renamed."), "success")
    return _to(block_id)


@bp.post("/blocks/<int:block_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete(block_id: int) -> Any:
    services.delete(queries.block(block_id), now=clock.now())
    db.session.commit()
    flash(_("Saved block deleted. Emails keep the copies they have."), "success")
    return redirect(url_for(".index"), 303)


def tabs(*, chosen: str) -> list[Tab]:
    """Templates and saved blocks, side by side."""
    pages = {"templates": _("Templates"), "blocks": _("Saved blocks")}
    return [Tab(label, url_for(f"{name}.index"), name == chosen) for name, label in pages.items()]


def _to(block_id: int) -> Any:
    return redirect(url_for(".show", block_id=block_id), 303)
