"""Pages of monitoring alerts; routes of the blueprint of webhooks."""

from __future__ import annotations

import json
from typing import Any

from flask import flash, redirect, render_template, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock, config, queue
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _, translate
from campaigns.inbound.hooks import secret_urls
from campaigns.inbound.hooks.alerts import queries, sources
from campaigns.inbound.hooks.alerts.models import AlertSource
from campaigns.inbound.hooks.forms import AlertSourceForm
from campaigns.inbound.hooks.views import bp
from campaigns.notices import services as notices_services

EXAMPLE = {"title": "Disk almost full", "text": "/var is at 95%", "status": "firing", "key": "disk-var"}


@bp.get("/alerts")
@allow(Action.READ_SETTINGS)
def alerts() -> Any:
    return render_template(
        "hooks/alerts.html",
        firing=queries.firing(),
        resolved=queries.resolved(),
        sources=queries.sources(),
    )


@bp.route("/alerts/sources/new", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def alert_source_create() -> Any:
    form = AlertSourceForm()
    if not form.is_submitted():
        form.recipients.data = operator().email
    made = _create(form) if form.validate_on_submit() else None
    if made is None:
        status = 422 if form.is_submitted() else 200
        return render_template("hooks/alert_source_create.html", form=form), status
    flash(_("%(name)s added. Enter its URL in your monitoring.", name=made.name), "success")
    return _to(made.id)


def _create(form: AlertSourceForm) -> AlertSource | None:
    made = accepted(
        form,
        lambda: sources.create(form.name.data or "", form.recipients.data or "", now=clock.now()),
    )
    if made is not None:
        db.session.commit()
    return made


@bp.route("/alerts/sources/<int:source_id>", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def alert_source_show(source_id: int) -> Any:
    source = queries.source(source_id)
    form = AlertSourceForm(name=source.name, recipients="\n".join(source.recipients))
    if form.validate_on_submit() and _update(form, source):
        flash(_("%(name)s saved.", name=source.name), "success")
        return _to(source_id)
    example = json.dumps(EXAMPLE, indent=2)
    page = render_template(
        "hooks/alert_source_show.html", source=source, form=form, url=_url(source), example=example
    )
    return page, 422 if form.is_submitted() else 200


def _update(form: AlertSourceForm, source: AlertSource) -> bool:
    def act() -> bool:
        sources.update(
            source, name=form.name.data or "", recipients=form.recipients.data or "", now=clock.now()
        )
        return True

    if accepted(form, act) is None:
        return False
    db.session.commit()
    return True


@bp.post("/alerts/sources/<int:source_id>/test")
@allow(Action.ADMINISTER)
def alert_source_test(source_id: int) -> Any:
    """A test alert as its monitoring would send it; it is resolved by the same button."""
    source = queries.source(source_id)
    is_over, posted = sources.test(source, translate("Test alert"), now=clock.now())
    db.session.commit()
    queue.enqueue_each(notices_services.JOB, posted)
    if is_over:
        flash(_("The test alert was resolved. Check your inbox."), "success")
    else:
        flash(_("The test alert was sent. Check your inbox, then test again to resolve it."), "success")
    return _to(source_id)


@bp.post("/alerts/sources/<int:source_id>/url")
@allow(Action.ADMINISTER)
@confirmed("POST")
def alert_source_rotate(source_id: int) -> Any:
    sources.rotate(queries.source(source_id), now=clock.now())
    db.session.commit()
    flash(_("New URL created. Enter it in your monitoring: the old one no longer works."), "success")
    return _to(source_id)


@bp.post("/alerts/sources/<int:source_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def alert_source_delete(source_id: int) -> Any:
    source = queries.source(source_id)
    name = source.name
    sources.delete(source, now=clock.now())
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".alerts"), 303)


def _to(source_id: int) -> Any:
    return redirect(url_for(".alert_source_show", source_id=source_id), 303)


def _url(source: AlertSource) -> str | None:
    """What is entered in the monitoring; None when SECRET_KEY has changed."""
    try:
        token = secret_urls.token_of(source)
    except Misconfigured:
        return None
    return config.current().public_url + url_for("hook_doors.take_alerts", token=token)
