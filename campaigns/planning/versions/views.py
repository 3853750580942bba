"""Pages of a campaign's versions: the list, one compared with another, back to one; and what the editor calls."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.core.paging import page_number
from campaigns.planning import queries as planning_queries
from campaigns.planning.versions import queries, services
from campaigns.planning.versions.models import LONGEST_NAME
from campaigns.planning.versions.pages import parts, saving
from campaigns.planning.views import bp

_CAMPAIGN = "/campaigns/<int:campaign_id>"
_VERSION = f"{_CAMPAIGN}/versions/<int:number>"

for path, answered in (
    ("autosave", saving.create_autosave),
    ("editing", saving.create_editing),
    ("editing/delete", saving.delete_editing),
):
    bp.add_url_rule(f"{_CAMPAIGN}/{path}", view_func=answered, methods=["POST"])
bp.add_url_rule(f"{_CAMPAIGN}/preview/now", view_func=parts.preview_now)
bp.add_url_rule(f"{_VERSION}/preview", view_func=parts.version_preview)


@bp.get(f"{_CAMPAIGN}/versions")
@allow(Action.READ_CAMPAIGNS)
def versions(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    page = queries.versions(campaign_id, page=page_number(request.args.get("page")))
    return render_template(
        "planning/versions/index.html",
        campaign=found,
        page=page,
        rows=parts.rows(page.items, current=queries.current(campaign_id)),
    )


@bp.get(_VERSION)
@allow(Action.READ_CAMPAIGNS)
def version_show(campaign_id: int, number: int) -> Any:
    found, version = planning_queries.campaign(campaign_id), queries.version(campaign_id, number)
    return render_template(
        "planning/versions/show.html",
        campaign=found,
        version=version,
        longest_name=LONGEST_NAME,
        **parts.compared(found, version, request.args.get("with", "")),
    )


@bp.post(f"{_VERSION}/restore")
@allow(Action.EDIT_CAMPAIGNS)
def create_restore(campaign_id: int, number: int) -> Any:
    found, version = planning_queries.campaign(campaign_id), queries.version(campaign_id, number)
    try:
        services.restore(found, version, now=clock.now())
    except DomainError as error:
        return _refused(error, campaign_id, number)
    db.session.commit()
    flash(
        _("Version %(number)d restored. What was there before is kept as a version.", number=number),
        "success",
    )
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)


@bp.post(f"{_VERSION}/name")
@allow(Action.EDIT_CAMPAIGNS)
def create_version_name(campaign_id: int, number: int) -> Any:
    found, version = planning_queries.campaign(campaign_id), queries.version(campaign_id, number)
    try:
        services.name_version(found, version, request.form.get("name", ""), now=clock.now())
    except DomainError as error:
        return _refused(error, campaign_id, number)
    db.session.commit()
    flash(
        _("Name saved. Named versions are kept for good.") if version.name else _("Name removed."), "success"
    )
    return redirect(url_for("planning.version_show", campaign_id=campaign_id, number=number), 303)


def _refused(error: DomainError, campaign_id: int, number: int) -> Any:
    db.session.rollback()
    flash(error.message, "error")
    return redirect(url_for("planning.version_show", campaign_id=campaign_id, number=number), 303)
