"""Pages of sending domains; routes of the settings blueprint."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.mail.lookup import Resolver
from campaigns.settings.domains import bounces, page, queries, records, services, signing
from campaigns.settings.domains.forms import DomainForm
from campaigns.settings.domains.models import SenderDomain
from campaigns.settings.views import bp


@bp.get("/settings/sending-domains")
@allow(Action.READ_SETTINGS)
def sending_domains() -> Any:
    return render_template("settings/sending_domains.html", domains=queries.domains())


@bp.route("/settings/sending-domains/new", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def sending_domain_create() -> Any:
    form = DomainForm()
    if form.validate_on_submit() and (made := _create(form)):
        flash(_("%(name)s added. Publish its DNS records, then check them.", name=made.name), "success")
        return redirect(url_for(".sending_domain_show", domain_id=made.id), 303)
    return render_template(
        "settings/sending_domain_create.html", form=form
    ), 422 if form.is_submitted() else 200


def _create(form: DomainForm) -> SenderDomain | None:
    made = accepted(form, lambda: services.create_domain(form.name.data or "", now=clock.now()))
    if made is not None:
        db.session.commit()
    return made


@bp.get("/settings/sending-domains/<int:domain_id>")
@allow(Action.READ_SETTINGS)
def sending_domain_show(domain_id: int) -> Any:
    domain = queries.domain(domain_id)
    shown = page.by_kind(page.records_to_publish(domain))
    return render_template(
        "settings/sending_domain_show.html",
        domain=domain,
        records=shown,
        bounce_domains=page.bounce_domains(domain),
    )


@bp.post("/settings/sending-domains/<int:domain_id>/check")
@allow(Action.ADMINISTER)
def sending_domain_check(domain_id: int) -> Any:
    """Query DNS; keys with correct records begin to sign."""
    questions = signing.questions(queries.domain(domain_id))
    pairs = queries.bounce_domains(queries.domain(domain_id))
    db.session.commit()  # no transaction stays open during DNS queries
    asked = Resolver(config.current().dns_server)
    found = records.look(questions, asked.texts) + bounces.look(pairs, asked.texts, asked.exchangers)
    begun = services.record_check(queries.domain(domain_id), found, now=clock.now())
    db.session.commit()
    if begun:
        flash(_("Emails from %(name)s are now signed.", name=questions.domain), "success")
    return redirect(url_for(".sending_domain_show", domain_id=domain_id), 303)


@bp.post("/settings/sending-domains/<int:domain_id>/keys")
@allow(Action.ADMINISTER)
@confirmed("POST")
def sending_domain_create_keys(domain_id: int) -> Any:
    domain = queries.domain(domain_id)
    try:
        services.create_keys(domain, now=clock.now())
    except DomainError as error:
        flash(error.message, "error")
        return redirect(url_for(".sending_domain_show", domain_id=domain_id), 303)
    db.session.commit()
    flash(_("The new keys take over once their DNS records are verified."), "success")
    return redirect(url_for(".sending_domain_show", domain_id=domain_id), 303)


@bp.post("/settings/sending-domains/<int:domain_id>/keys/<int:key_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def sending_domain_delete_key(domain_id: int, key_id: int) -> Any:
    key = queries.key(domain_id, key_id)
    selector = key.selector
    try:
        services.delete_key(key)
    except DomainError as error:
        flash(error.message, "error")
        return redirect(url_for(".sending_domain_show", domain_id=domain_id), 303)
    db.session.commit()
    flash(_("%(name)s deleted. You can remove its DNS record.", name=selector), "success")
    return redirect(url_for(".sending_domain_show", domain_id=domain_id), 303)


@bp.post("/settings/sending-domains/<int:domain_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def sending_domain_delete(domain_id: int) -> Any:
    domain = queries.domain(domain_id)
    name = domain.name
    services.delete_domain(domain)
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".sending_domains"), 303)
