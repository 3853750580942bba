"""When a campaign is sent: the button that says so, and rescheduling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.delivery.progress import holdups
from campaigns.planning import queries, services, times
from campaigns.planning.forms import RescheduleForm
from campaigns.planning.models import Campaign, Status


@allow(Action.READ_CAMPAIGNS)
def send_button(campaign_id: int) -> Any:
    """The button's text for the chosen time; `people`: the number the page has counted."""
    found, chosen = queries.campaign(campaign_id), request.args
    facts = button_of(
        found, when=chosen.get("when"), at=chosen.get("at"), people=number_in(chosen.get("people", "")) or 0
    )
    return render_template("planning/_send_button.html", **facts)


def button_of(found: Campaign, *, when: str | None, at: str | None, people: int) -> dict[str, Any]:
    """What the button says: the number of people, the time, and the expected end."""
    is_later = when == "later"
    moment = _moment(at) if is_later else None
    begins = moment or clock.now()
    end = holdups.expected_end(found, people, per_second=0, now=begins) if people else None
    return {"campaign": found, "people": people, "is_later": is_later, "moment": moment, "end": end}


def _moment(text: str | None) -> datetime | None:
    try:
        return times.moment(text or "", clock.zone(operator().time_zone))
    except Invalid:
        return None


@allow(Action.EDIT_CAMPAIGNS)
def reschedule(campaign_id: int) -> Any:
    """A new time for a scheduled campaign, which stays scheduled."""
    found, form = queries.campaign(campaign_id), RescheduleForm()
    if found.status is not Status.SCHEDULED:
        return redirect(url_for("planning.show", campaign_id=campaign_id))
    zone = clock.zone(operator().time_zone)
    if form.validate_on_submit() and accepted(form, lambda: _rescheduled(found, form.at.data or "")):
        return redirect(url_for("delivery.sending", campaign_id=campaign_id), 303)
    if not form.is_submitted():
        form.at.data = times.local_text(found.send_at or clock.now(), zone)
    suggestions = [(words, times.local_text(at, zone)) for words, at in times.suggestions(clock.now(), zone)]
    page = render_template(
        "planning/reschedule.html", campaign=found, form=form, zone_name=zone.key, suggestions=suggestions
    )
    return page, 422 if form.is_submitted() else 200


def _rescheduled(found: Campaign, text: str) -> bool:
    """Change the time and commit it; raises Invalid or Conflict."""
    at = times.moment(text, clock.zone(operator().time_zone))
    services.reschedule(found, at=at, now=clock.now())
    db.session.commit()
    queue.nudge()
    flash(_("Rescheduled."), "success")
    return True
