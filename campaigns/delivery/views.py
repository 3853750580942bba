"""The page of a campaign being sent: live progress, pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _, _n
from campaigns.delivery import queries, services
from campaigns.delivery.ledger import staging, undo_resend
from campaigns.delivery.limits import receiver_rows, sending_hours
from campaigns.delivery.models import Reason, State
from campaigns.delivery.progress import explanations
from campaigns.delivery.routing import server_selection
from campaigns.planning import queries as planning_queries
from campaigns.planning import recipients
from campaigns.planning import services as planning_services
from campaigns.planning.forms import HoursForm
from campaigns.planning.models import Campaign, PauseReason, Status

bp = Blueprint("delivery", __name__)

SHOWN = (
    State.SENT,
    State.SENDING,
    State.PENDING,
    State.DEFERRED,
    State.FAILED,
    State.EXPIRED,
    State.UNKNOWN,
    State.CANCELLED,
    State.SKIPPED,
)  # shown in this order
RECEIVERS_SHOWN = 10
SOON = timedelta(minutes=2)  # before it starts: "undo" is a better word than "unschedule"
REFRESH_S = {Status.SCHEDULED: 5, Status.PREPARING: 1, Status.SENDING: 2, Status.PAUSED: 5}


@bp.get("/campaigns/<int:campaign_id>/sending")
@allow(Action.READ_CAMPAIGNS)
def sending(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    if found.status is Status.DRAFT:
        return redirect(url_for("planning.show", campaign_id=campaign_id))
    return render_template("delivery/sending.html", people=_expected(found), **_facts(found))


@bp.get("/campaigns/<int:campaign_id>/sending/now")
@allow(Action.READ_CAMPAIGNS)
def sending_now(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    if request.args.get("was") == Status.SCHEDULED and found.status is not Status.SCHEDULED:
        return "", 200, {"HX-Refresh": "true"}  # the rest of the page described what was still to come
    return render_template("delivery/_now.html", **_facts(found))


@bp.route("/campaigns/<int:campaign_id>/sending/hours", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def edit_hours(campaign_id: int) -> Any:
    found, form = planning_queries.campaign(campaign_id), HoursForm()
    if request.method == "GET" and not found.may_change_hours:
        return redirect(url_for("planning.show", campaign_id=campaign_id))
    if form.validate_on_submit() and accepted(form, lambda: _change_hours(found, form)):
        db.session.commit()
        queue.nudge()  # it may be inside its hours now
        flash(_("Sending hours updated. Emails already handed to the server are still delivered."), "success")
        return redirect(url_for(".sending", campaign_id=campaign_id), 303)
    if not form.keeps_hours.data:
        form.show_hours(found.sending_hours, zone=clock.zone(operator().time_zone).key)
    return render_template("delivery/hours.html", campaign=found, form=form), _status(form)


@bp.post("/campaigns/<int:campaign_id>/pause")
@allow(Action.EDIT_CAMPAIGNS)
def create_pause(campaign_id: int) -> Any:
    def pause(found: Campaign) -> None:
        services.pause(found, reason=PauseReason.OPERATOR, detail=None, now=clock.now())

    return _changed(campaign_id, pause, _("Paused. Emails already handed to the server are still delivered."))


@bp.post("/campaigns/<int:campaign_id>/pause/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_pause(campaign_id: int) -> Any:
    def resume(found: Campaign) -> None:
        services.resume(found, now=clock.now())

    return _changed(campaign_id, resume, _("Resumed. Sending to the remaining recipients."))


@bp.post("/campaigns/<int:campaign_id>/cancellation")
@allow(Action.EDIT_CAMPAIGNS)
def create_cancellation(campaign_id: int) -> Any:
    def cancel(found: Campaign) -> None:
        services.cancel(found, now=clock.now())

    return _changed(campaign_id, cancel, _("Campaign cancelled. No more emails will be sent."))


@bp.post("/campaigns/<int:campaign_id>/resend/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_resend(campaign_id: int) -> Any:
    """Undo a resend within its first minute."""
    try:
        undo_resend.undo(campaign_id, now=clock.now())
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
        return redirect(url_for(".sending", campaign_id=campaign_id), 303)
    db.session.commit()
    flash(_("Resend undone. No emails were sent."), "success")
    return redirect(url_for("reports.campaign_failures", campaign_id=campaign_id), 303)


@bp.post("/campaigns/<int:campaign_id>/suppressions/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_suppressions(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    page = "delivery.sending" if found.status is Status.PAUSED else "reports.campaign"
    try:
        number = services.undo_suppressions(campaign_id, now=clock.now()).total
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
    else:
        db.session.commit()
        flash(_undone(number), "success")
    return redirect(url_for(page, campaign_id=campaign_id), 303)


@bp.post("/campaigns/<int:campaign_id>/suppressions")
@allow(Action.EDIT_CAMPAIGNS)
def create_suppressions(campaign_id: int) -> Any:
    planning_queries.campaign(campaign_id)
    try:
        number = services.apply_suppressions(campaign_id, now=clock.now())
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
    else:
        db.session.commit()
        flash(_n("%(num)d address suppressed.", "%(num)d addresses suppressed.", number), "success")
    return redirect(url_for("reports.campaign", campaign_id=campaign_id), 303)


def _undone(number: int) -> Any:
    return _n(
        "%(num)d address can receive campaigns again.",
        "%(num)d addresses can receive campaigns again.",
        number,
    )


def _changed(campaign_id: int, change: Callable[[Campaign], None], sentence: Any) -> Any:
    """Apply the change, flash the sentence and return to the page; a Conflict is flashed there."""
    try:
        change(planning_queries.campaign(campaign_id))
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
    else:
        db.session.commit()
        queue.nudge()
        flash(sentence, "success")
    return redirect(url_for(".sending", campaign_id=campaign_id), 303)


def _change_hours(found: Campaign, form: HoursForm) -> bool:
    planning_services.change_sending_hours(found, form.sending_hours(), now=clock.now())
    return True


def _status(form: HoursForm) -> int:
    return 422 if form.is_submitted() else 200


def _facts(campaign: Campaign) -> dict[str, Any]:
    now = clock.now()
    progress = queries.progress(campaign.id, now=now)
    states = [(state, progress.counts[state]) for state in SHOWN]
    return {
        "campaign": campaign,
        "progress": progress,
        "counts": progress.counts,
        "states": queries.state_rows(states, queries.reasons(campaign.id)),
        "our_limit": Reason.RECEIVER_LIMIT,
        "is_soon": campaign.send_at is not None and campaign.send_at - now < SOON,
        "refusals": queries.refusals(campaign.id),
        "standing": staging.standing(campaign.id) if campaign.status is Status.PAUSED else None,
        **_servers(campaign),
        "why": explanations.explanation_of(campaign, now=now),
        "hours": sending_hours.words(campaign),
        "undo_until": undo_resend.until(campaign, now=now),
        "refresh_s": _refresh_s(campaign, is_waiting=bool(progress.counts.waiting)),
    }


def _expected(campaign: Campaign) -> int | None:
    """How many recipients a scheduled campaign would have now; None for others."""
    if campaign.status is not Status.SCHEDULED:
        return None
    return recipients.audience_of(campaign).will_get_it


def _servers(campaign: Campaign) -> dict[str, Any]:
    """The servers in use, and those that accept nothing."""
    now = clock.now()
    usable = server_selection.usable(campaign, now=now)
    waiting = (
        receiver_rows.in_trouble(now=now, most=RECEIVERS_SHOWN) if campaign.status is Status.SENDING else []
    )
    shown = usable or server_selection.every(campaign)[:1]
    return {"servers": ", ".join(each.name for each in shown), "receivers": waiting}


def _refresh_s(campaign: Campaign, *, is_waiting: bool) -> int | None:
    """Seconds until the page refreshes; None when nothing changes any more."""
    if campaign.status is Status.CANCELLED and is_waiting:
        return REFRESH_S[Status.SENDING]
    return REFRESH_S.get(campaign.status)
