"""What a campaign's page does with templates: puts its email into a layout, or makes a template of it again."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.templates import queries
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning import queries as planning_queries
from campaigns.planning import services as planning_services
from campaigns.planning.templates import comparing
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
    """Make a campaign's email the newest version of the template it began with; asks when that was changed since."""
    found, seen = planning_queries.campaign(campaign_id), number_in(request.form.get("seen"))
    try:
        changed = usage_services.update_from(found, by=operator(), now=clock.now(), seen=seen)
    except usage_services.Unseen as error:
        return _asked(campaign_id, error), 409
    except DomainError as error:
        return _refused(error, campaign_id)
    db.session.commit()
    flash(_("Template updated. What it was before is kept as a version."), "success")
    return redirect(url_for("templates.show", template_id=changed.id), 303)


def _asked(campaign_id: int, error: DomainError) -> str:
    """What the template says now beside what the campaign would make of it."""
    db.session.rollback()
    found = planning_queries.campaign(campaign_id)
    template = usage_services.template_for(found)
    return render_template(
        "email_templates/update.html",
        campaign=found,
        template=template,
        version=queries.version(template.id, template.version),
        comparison=comparing.update(template, found),
        error=error,
    )


def _refused(error: DomainError, campaign_id: int) -> Any:
    """Flash the reason and return to the editor."""
    db.session.rollback()
    flash(error.message, "error")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)
