"""The start page, a campaign's report, and its recipients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask_babel import format_date

from campaigns.accounts.guards import Action, allow, note_view, operator, reading_on_record
from campaigns.accounts.policy import can
from campaigns.accounts.stepup.guards import confirmed
from campaigns.audience.imports import queries as import_queries
from campaigns.core import addresses, clock, csvfile, queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _, _n
from campaigns.delivery.ledger import resend, undo_resend
from campaigns.delivery.models import Reason, State
from campaigns.inbound import queries as inbound_queries
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign, Status
from campaigns.reports import answers, deliverability, recipients, report, series
from campaigns.reports import home as start
from campaigns.reports.pages.first_steps import first_steps

bp = Blueprint("reports", __name__)
GROWTH_DAYS = 30
STEPS = {"minute": series.by_minute, "hour": series.by_hour, "day": series.by_day}


@bp.app_template_filter("day")
def day(moment: datetime) -> str:
    """The date of a moment in the viewer's zone and language."""
    return str(format_date(moment, "full"))


@bp.get("/")
@allow(Action.READ_REPORTS)
def home() -> Any:
    now, zone = clock.now(), clock.zone(operator().time_zone)
    steps, facts = start.steps(), _flights(now) | _last(now)
    return render_template(
        "reports/home.html",
        **facts,
        needs=start.needs(now=now),
        has_no_results=steps.has_sent and not facts["latest"] and not facts["flights"],
        steps=steps,
        first_steps=first_steps(steps),
        is_large=start.is_large(),
        growth=lambda: series.growth(zone, days=GROWTH_DAYS, now=now),
    )


def _flights(now: datetime) -> dict[str, Any]:
    flights = start.in_flight(now=now)
    return {"flights": flights, "refresh_s": start.refresh_s(flights)}


def _last(now: datetime) -> dict[str, Any]:
    """The campaign that went out last, and those before it."""
    last, median = start.last_campaigns(now=now)
    return {"latest": last[0] if last else None, "earlier": last[1:], "median": median}


@bp.post("/needs/campaigns/<int:campaign_id>/deletion")
@allow(Action.EDIT_CAMPAIGNS)
def dismiss_campaign(campaign_id: int) -> Any:
    start.dismiss(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    return redirect(url_for(".home"), 303)


@bp.post("/needs/imports/<int:import_id>/deletion")
@allow(Action.EDIT_PEOPLE)
def dismiss_import(import_id: int) -> Any:
    start.dismiss(import_queries.import_(import_id), now=clock.now())
    db.session.commit()
    return redirect(url_for(".home"), 303)


@bp.get("/growth")
@allow(Action.READ_REPORTS)
def growth() -> Any:
    now, zone = clock.now(), clock.zone(operator().time_zone)
    return render_template("reports/_growth.html", growth=series.growth(zone, days=GROWTH_DAYS, now=now))


@bp.get("/in-flight")
@allow(Action.READ_REPORTS)
def in_flight() -> Any:
    return render_template("reports/_in_flight.html", **_flights(clock.now()))


@bp.get("/campaigns/<int:campaign_id>/report")
@allow(Action.READ_REPORTS)
def campaign(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    if found.status in (Status.DRAFT, Status.SCHEDULED):
        return redirect(url_for("planning.show", campaign_id=campaign_id))
    now = clock.now()
    return render_template(
        "reports/campaign.html",
        campaign=found,
        report=report.of(found, now=now),
        **_over_time(found, now),
        machines=lambda: report.machines(found),
        places=lambda: report.places(found),
    )


def _over_time(found: Campaign, now: datetime) -> dict[str, Any]:
    """What happened when, in the steps that are asked for; `drawn` is how the chart shows it."""
    by = request.args.get("by") or ("minute" if series.is_young(found, now=now) else "hour")
    by = by if by in STEPS else "hour"
    read = STEPS[by](found, clock.zone(operator().time_zone), now=now)
    is_cumulative = request.args.get("total") == "1"
    drawn = read.cumulated() if is_cumulative else read
    return {"series": read, "drawn": drawn, "by": by, "is_cumulative": is_cumulative}


@bp.get("/campaigns/<int:campaign_id>/report/machines")
@allow(Action.READ_REPORTS)
def campaign_machines(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    return render_template("reports/_machines.html", machines=report.machines(found))


@bp.get("/campaigns/<int:campaign_id>/report/places")
@allow(Action.READ_REPORTS)
def campaign_places(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    figures = report.of(found, now=clock.now()).figures
    return render_template(
        "reports/_places.html", campaign=found, figures=figures, places=report.places(found)
    )


@bp.get("/deliverability/received")
@allow(Action.READ_REPORTS)
def deliverability_received() -> Any:
    return render_template("reports/_deliverability.html", overview=deliverability.overview(now=clock.now()))


@bp.post("/campaigns/<int:campaign_id>/retry")
@allow(Action.EDIT_CAMPAIGNS)
def create_retry(campaign_id: int) -> Any:
    try:
        keys = request.form.getlist("group") if "is_chosen" in request.form else None
        number = resend.retry(campaign_id, keys=keys, now=clock.now())
        undo_resend.hold(campaign_id, until=clock.now() + undo_resend.GRACE)
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
        return redirect(url_for(".campaign_failures", campaign_id=campaign_id), 303)
    db.session.commit()
    queue.nudge()
    flash(_n("Resending to one person.", "Resending to %(num)s people.", number), "success")
    return redirect(url_for("delivery.sending", campaign_id=campaign_id), 303)


@bp.get("/campaigns/<int:campaign_id>/failures")
@allow(Action.READ_REPORTS)
def campaign_failures(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    groups = resend.groups(campaign_id)
    left, edits = sum(each.left for each in groups), can(operator(), Action.EDIT_CAMPAIGNS)
    return render_template(
        "reports/failures.html",
        campaign=found,
        groups=groups,
        left=left,
        total=sum(each.number for each in groups),
        may_judge=edits and found.is_finished,
        may_send=edits and found.is_finished and left > 0,
        may_send_later=edits and (found.is_sending or found.is_paused),
        any_unknown=any(each.is_unknown for each in groups),
    )


@bp.post("/campaigns/<int:campaign_id>/taken-as-sent")
@allow(Action.EDIT_CAMPAIGNS)
def create_certainty(campaign_id: int) -> Any:
    try:
        number = resend.take_as_sent(campaign_id, now=clock.now())
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
    else:
        db.session.commit()
        flash(_n("One recipient marked as sent.", "%(num)s recipients marked as sent.", number), "success")
    return redirect(url_for(".campaign_failures", campaign_id=campaign_id), 303)


@bp.get("/campaigns/<int:campaign_id>/recipients")
@allow(Action.READ_PEOPLE)
def campaign_recipients(campaign_id: int) -> Any:
    found, chosen = planning_queries.campaign(campaign_id), recipients.filter_from(request.args)
    note_view(recipients.view_of(found))
    page = recipients.page(campaign_id, chosen, before=_key("before"), after=_key("after"))
    return render_template(
        "reports/recipients.html",
        campaign=found,
        chosen=chosen,
        page=page,
        rows=_recipients(page.items),
        link_url=recipients.url_of(found, chosen.link),
        states=list(State),
        reasons=list(Reason),
        activities=recipients.ACTIVITIES,
    )


def _recipients(rows: Sequence[Any]) -> list[recipients.Row]:
    came_back = inbound_queries.bounces_of([row.Delivery.id for row in rows if row.Delivery.bounced_at])
    return [
        recipients.row_of(row.Delivery, row.email, row.fields, came_back.get(row.Delivery.id)) for row in rows
    ]


@bp.get("/campaigns/<int:campaign_id>/recipients.csv")
@allow(Action.READ_PEOPLE)
@confirmed("GET")
def campaign_recipients_csv(campaign_id: int) -> Any:
    chosen = recipients.filter_from(request.args)
    with reading_on_record():
        recipients.record_export(planning_queries.campaign(campaign_id), chosen)
    lines = csvfile.lines(recipients.export(campaign_id, chosen))
    answer = Response(stream_with_context(lines), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="campaign-{campaign_id}-recipients.csv"'
    return answer


@bp.get("/campaigns/<int:campaign_id>/recipients/<big:delivery_id>")
@allow(Action.READ_PEOPLE)
def campaign_recipient(campaign_id: int, delivery_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    row = recipients.recipient(campaign_id, delivery_id)
    note_view(recipients.view_of(found, row))
    name = row.subscriber.email if row.subscriber else _("Deleted person")
    return render_template(
        "reports/recipient.html", campaign=found, delivery=row, name=name, answer=answers.about(row, found)
    )


@bp.get("/campaigns/<int:campaign_id>/why")
@allow(Action.READ_PEOPLE)
def campaign_why(campaign_id: int) -> Any:
    """Redirect to the recipient with that address; to the search if none has exactly that one."""
    typed = request.args.get("q", "")
    planning_queries.campaign(campaign_id)
    try:
        row = recipients.by_address(campaign_id, addresses.normalise(typed))
    except (addresses.BadAddress, UnicodeError):
        row = None
    if row is None:
        return redirect(url_for(".campaign_recipients", campaign_id=campaign_id, q=typed[:200] or None))
    return redirect(url_for(".campaign_recipient", campaign_id=campaign_id, delivery_id=row.id))


def _key(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
