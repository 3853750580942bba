"""What a campaign's page does with templates: puts its email into a layout, or makes a template of it again."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.templates import queries
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning import queries as planning_queries
from campaigns.planning import services as planning_services
from campaigns.planning.templates import services as usage_services


@allow(Action.EDIT_CAMPAIGNS)
def choose_layout(campaign_id: int) -> Any:
    """Put a campaign's email, as it was last saved, into a layout, or take it out of one."""
    found, number = planning_queries.campaign(campaign_id), number_in(request.form.get("layout"))
    try:
        layout = queries.template(number) if number else None
        planning_services.choose_layout(found, layout, now=clock.now())
    except DomainError as error:
        return _refused(error, campaign_id)
    db.session.commit()
    flash(_("Layout changed. See the preview.") if layout else _("Layout removed."), "success")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)


@allow(Action.EDIT_CAMPAIGNS)
def update_from_campaign(campaign_id: int) -> Any:
    """Make a campaign's email the newest version of the template it began with."""
    found = planning_queries.campaign(campaign_id)
    try:
        changed = usage_services.update_from(found, by=operator(), now=clock.now())
    except DomainError as error:
        return _refused(error, campaign_id)
    db.session.commit()
    flash(_("Template updated. What it was before is kept as a version."), "success")
    return redirect(url_for("templates.show", template_id=changed.id), 303)


def _refused(error: DomainError, campaign_id: int) -> Any:
    """Flash the reason and return to the editor."""
    db.session.rollback()
    flash(error.message, "error")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)
