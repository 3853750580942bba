"""Pages of settings: sending servers, senders, the site."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from campaigns.accounts import policy
from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock, config, queue
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Forbidden
from campaigns.core.i18n import _
from campaigns.delivery.limits import release
from campaigns.delivery.progress import warmup_status
from campaigns.delivery.routing import server_deletion
from campaigns.form_page import after
from campaigns.practice import store as practice
from campaigns.settings import lessons, limits, queries, server_test, services
from campaigns.settings import senders as sender_services
from campaigns.settings import site as site_services
from campaigns.settings.domains import queries as domain_queries
from campaigns.settings.forms import DomainLimitForm, KnownServerForm, NewServerForm, SenderForm, SiteForm
from campaigns.settings.models import DomainLimit, Sender, Server, Site

DOMAINS_NAMED = 3
bp = Blueprint("settings", __name__)
SITE_FIELDS = (
    *("name", "postal_address", "language", "time_zone"),
    *("retry_hours", "resumes_by_itself"),
)


@bp.get("/settings")
@allow(Action.READ_SETTINGS)
def index() -> Any:
    senders = queries.senders()
    first = next(iter(senders), None)
    return render_template("settings/index.html", sender=first, more_senders=len(senders[1:]))


@bp.get("/deliverability")
@allow(Action.READ_SETTINGS)
def deliverability() -> Any:
    known = domain_queries.domains()
    return render_template(
        "settings/deliverability.html",
        servers=queries.servers(),
        default=queries.default_server(),
        domains=limits.domain_limits(),
        sending_domains=known[:DOMAINS_NAMED],
        more_domains=len(known[DOMAINS_NAMED:]),
        practice_mails=practice.count(config.current(), with_own=policy.can(operator(), Action.ADMINISTER)),
    )


# -- sending servers


@bp.get("/settings/servers")
@allow(Action.READ_SETTINGS)
def servers() -> Any:
    servers = queries.servers()
    practises = bool(servers) and servers[0].is_practice
    named = [each for each in servers if not (each.is_default or each.is_practice)]
    fallbacks = set() if practises else {each.id for each in named if not each.weight}
    return render_template("settings/servers.html", servers=servers, practises=practises, fallbacks=fallbacks)


@bp.route("/settings/servers/new", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def server_create() -> Any:
    form = NewServerForm()
    if not form.is_submitted():
        form.show_warm_up(None)
    made = _create_server(form) if form.validate_on_submit() else None
    if made is None:
        return render_template("settings/server_create.html", form=form), _status(form)
    flash(_("%(name)s added. Test it now.", name=made.name), "success")
    return _saved_or_tested(made)


def _saved_or_tested(server: Server) -> Any:
    """Redirect to the server's page, or with the same form to its test."""
    if request.form.get("next") == "test":
        return redirect(url_for(".server_test", server_id=server.id), 307)
    return redirect(after(url_for(".server_edit", server_id=server.id)), 303)


def _create_server(form: NewServerForm) -> Server | None:
    wants_default = form.is_default.data
    made = accepted(
        form,
        lambda: services.create_server(**form.values(), make_default=wants_default, now=clock.now()),
    )
    if made is not None:
        db.session.commit()
    return made


@bp.route("/settings/servers/<int:server_id>/edit", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def server_edit(server_id: int) -> Any:
    server = queries.server(server_id)
    form = KnownServerForm(obj=server, security=server.security.value, password=None)
    if not form.is_submitted():
        form.show_warm_up(server)
        form.show_sign_in(server)
    if form.validate_on_submit() and _update_server(form, server):
        flash(_("%(name)s saved. Test it again.", name=server.name), "success")
        return _saved_or_tested(server)
    return _server_page(server, form), _status(form)


def _update_server(form: KnownServerForm, server: Server) -> bool:
    forget = form.forget_password.data
    done = accepted(form, lambda: services.update_server(server, **form.values(), forget_password=forget))
    if done is None:
        return False
    db.session.commit()
    return True


@bp.post("/settings/servers/<int:server_id>/test", endpoint="server_test")
@allow(Action.ADMINISTER)
def run_server_test(server_id: int) -> Any:
    """Connect to the server and show each step; sends nothing."""
    server = queries.server(server_id)
    target = services.connection(server)
    db.session.commit()  # no transaction stays open while a server takes its time
    trial = server_test.probe(target)
    server = queries.server(server_id)
    services.record_probe(server, error=trial.server_error, now=clock.now())
    db.session.commit()
    return _trial_page(server, trial)


@bp.post("/settings/servers/<int:server_id>/test-mail")
@allow(Action.ADMINISTER)
def server_test_mail(server_id: int) -> Any:
    """Send one message to the operator over this server; shows the server's reply."""
    server = queries.server(server_id)
    letter = server_test.letter_to(operator(), server, senders=queries.senders(), now=clock.now())
    target = services.connection(server)
    db.session.commit()  # no transaction stays open while a server takes its time
    trial = server_test.send(target, letter)
    server = queries.server(server_id)
    services.record_probe(server, error=trial.server_error, now=clock.now())
    db.session.commit()
    return _trial_page(server, trial)


def _trial_page(server: Server, trial: server_test.Trial) -> str:
    advice = trial.advice(server)
    return render_template("settings/server_test.html", server=server, trial=trial, advice=advice)


@bp.post("/settings/servers/<int:server_id>/default")
@allow(Action.ADMINISTER)
def create_default_server(server_id: int) -> Any:
    server = queries.server(server_id)
    services.make_default(server)
    db.session.commit()
    flash(_("%(name)s is now the default server.", name=server.name), "success")
    return redirect(url_for(".servers"), 303)


@bp.post("/settings/servers/<int:server_id>/lessons/delete")
@allow(Action.ADMINISTER)
def server_lessons_delete(server_id: int) -> Any:
    """Drop what sending has taught about the server."""
    server = queries.server(server_id)
    lessons.forget(server)
    db.session.commit()
    flash(_("Cleared. The next campaign tries all features again."), "success")
    return redirect(url_for(".server_edit", server_id=server_id), 303)


@bp.post("/settings/servers/<int:server_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def server_delete(server_id: int) -> Any:
    server = queries.server(server_id)
    name = server.name
    try:
        server_deletion.delete_server(server)
    except DomainError as error:
        flash(error.message, "error")
        return redirect(url_for(".servers"), 303)
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".servers"), 303)


def _server_page(server: Server, form: KnownServerForm) -> str:
    return render_template(
        "settings/server_edit.html",
        server=server,
        form=form,
        has_password=bool(server.password_sealed),
        lessons=lessons.in_words(server),
        warm_up=warmup_status.warm_up_of(server, now=clock.now()),
    )


# -- receiving domains


@bp.route("/settings/domains", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
def domains() -> Any:
    """Receivers with a limit, and a form to add one."""
    form = DomainLimitForm()
    if form.validate_on_submit() and (made := accepted(form, lambda: _limit_domain(form))):
        flash(_("Limit set for %(domain)s.", domain=made.domain), "success")
        return redirect(url_for(".domains"), 303)
    return render_template("settings/domains.html", form=form, limits=limits.domain_limits()), _status(form)


def _limit_domain(form: DomainLimitForm) -> DomainLimit:
    made = limits.create_domain_limit(form.domain.data or "", per_minute=form.per_minute.data or 0)
    db.session.commit()
    return made


@bp.post("/settings/domains/<int:limit_id>")
@allow(Action.ADMINISTER)
def domain_update(limit_id: int) -> Any:
    found = limits.domain_limit(limit_id)
    try:
        limits.update_domain_limit(found, per_minute=request.form.get("per_minute", 0, type=int))
    except DomainError as error:
        db.session.rollback()
        flash(error.message, "error")
    else:
        db.session.commit()
        queue.enqueue(release.JOB, found.domain)
        flash(_("Limit set for %(domain)s.", domain=found.domain), "success")
    return redirect(url_for(".domains"), 303)


@bp.post("/settings/domains/<int:limit_id>/delete")
@allow(Action.ADMINISTER)
def domain_delete(limit_id: int) -> Any:
    found = limits.domain_limit(limit_id)
    domain = found.domain
    limits.delete_domain_limit(found)
    db.session.commit()
    queue.enqueue(release.JOB, domain)
    flash(_("Limit removed from %(domain)s.", domain=domain), "success")
    return redirect(url_for(".domains"), 303)


# -- senders


@bp.get("/settings/senders")
@allow(Action.READ_SETTINGS)
def senders() -> Any:
    return render_template("settings/senders.html", senders=queries.senders())


@bp.route("/settings/senders/new", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def sender_create() -> Any:
    form = SenderForm()
    if form.validate_on_submit() and _save_sender(form, None):
        flash(_("%(name)s added.", name=form.name.data), "success")
        return redirect(after(url_for(".senders")), 303)
    return render_template("settings/sender_form.html", form=form, sender=None), _status(form)


@bp.route("/settings/senders/<int:sender_id>/edit", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def sender_edit(sender_id: int) -> Any:
    sender = queries.sender(sender_id)
    _require_right_to(sender)
    form = SenderForm(obj=sender)
    if form.validate_on_submit() and _save_sender(form, sender):
        flash(_("%(name)s saved.", name=form.name.data), "success")
        return redirect(url_for(".senders"), 303)
    return render_template("settings/sender_form.html", form=form, sender=sender), _status(form)


def _require_right_to(sender: Sender) -> None:
    """Resets and invitations come from a sender that an admin has saved, so only admins may change it."""
    if sender.is_vouched and not policy.can(operator(), Action.ADMINISTER):
        raise Forbidden(
            _("An admin manages this sender because password resets can come from it. Ask an admin.")
        )


def _save_sender(form: SenderForm, sender: Sender | None) -> bool:
    values = form.values()
    if sender is None:
        done = accepted(form, lambda: sender_services.create_sender(**values, now=clock.now()))
    else:
        done = accepted(form, lambda: sender_services.update_sender(sender, **values))
    if done is None:
        return False
    done.is_vouched = policy.can(operator(), Action.ADMINISTER)
    db.session.commit()
    return True


@bp.post("/settings/senders/<int:sender_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def sender_delete(sender_id: int) -> Any:
    sender = queries.sender(sender_id)
    _require_right_to(sender)
    email = sender.email
    sender_services.delete_sender(sender)
    db.session.commit()
    flash(_("%(name)s deleted.", name=email), "success")
    return redirect(url_for(".senders"), 303)


# -- the site


@bp.route("/settings/site", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
def site() -> Any:
    row = queries.site()
    form = SiteForm(obj=row)
    if form.validate_on_submit() and accepted(form, lambda: _update_site(row, form)):
        db.session.commit()
        flash(_("General settings saved."), "success")
        return redirect(after(url_for(".site")), 303)
    return render_template("settings/site.html", form=form, has_logo=bool(row.logo_type)), _status(form)


def _update_site(row: Site, form: SiteForm) -> Site:
    """Change the settings in the form; raises Invalid."""
    site_services.update_site(row, **{name: form[name].data for name in SITE_FIELDS})
    site_services.set_colour(row, form.colour.data or "")
    picture = form.picture.data
    if picture and picture.filename:
        site_services.set_logo(row, picture.read(site_services.LARGEST_LOGO_BYTES + 1))
    elif form.forget_logo.data:
        site_services.set_logo(row, None)
    return row


def _status(form: Any) -> int:
    return 422 if form.is_submitted() else 200
