"""Pages of provider webhooks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from werkzeug.test import Client

from campaigns.accounts import policy
from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _
from campaigns.inbound.hooks import queries, receiving, samples, secret_urls, webhooks
from campaigns.inbound.hooks.forms import NewWebhookForm, WebhookForm
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.models import Webhook
from campaigns.inbound.hooks.samples import Sample

bp = Blueprint("hooks", __name__)


@bp.get("/settings/webhooks")
@allow(Action.READ_SETTINGS)
def webhooks_page() -> Any:
    return render_template("hooks/webhooks.html", webhooks=queries.webhooks())


@bp.route("/settings/webhooks/new", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def webhook_create() -> Any:
    form = NewWebhookForm()
    made = _create(form) if form.validate_on_submit() else None
    if made is None:
        return render_template("hooks/webhook_create.html", form=form), 422 if form.is_submitted() else 200
    flash(_("%(name)s added. Enter its URL at the provider.", name=made.name), "success")
    return _to(made.id)


def _create(form: NewWebhookForm) -> Webhook | None:
    kind, name = Provider(form.kind.data), form.name.data or ""
    made = accepted(form, lambda: webhooks.create(kind, name, now=clock.now()))
    if made is not None:
        db.session.commit()
    return made


@bp.get("/settings/webhooks/<int:webhook_id>")
@allow(Action.READ_SETTINGS)
def webhook_show(webhook_id: int) -> Any:
    """The page of a webhook; its URL and form are for admins."""
    webhook = queries.webhook(webhook_id)
    return _page(webhook, _form(webhook))


@bp.post("/settings/webhooks/<int:webhook_id>")
@allow(Action.ADMINISTER)
@confirmed("POST")
def webhook_update(webhook_id: int) -> Any:
    webhook = queries.webhook(webhook_id)
    form = _form(webhook)
    if form.validate_on_submit() and _update(form, webhook):
        flash(_("%(name)s saved.", name=webhook.name), "success")
        return _to(webhook_id)
    return _page(webhook, form), 422


def _form(webhook: Webhook) -> WebhookForm:
    form = WebhookForm(obj=webhook)
    form.show(webhook.kind, has_secret=webhook.has_secret)
    return form


def _update(form: WebhookForm, webhook: Webhook) -> bool:
    forget = bool(form.forget.data) if form.forget else False

    def act() -> bool:
        webhooks.update(
            webhook,
            name=form.name.data or "",
            secret=form.secret.data or "",
            forget=forget,
            now=clock.now(),
        )
        return True

    if accepted(form, act) is None:
        return False
    db.session.commit()
    return True


def _page(webhook: Webhook, form: WebhookForm) -> str:
    sees_url = policy.can(operator(), Action.ADMINISTER)
    events = queries.last_events(webhook.id)
    if events and policy.can(operator(), Action.READ_PEOPLE):
        note_view(webhooks.view_of(webhook))
    return render_template(
        "hooks/webhook_show.html",
        webhook=webhook,
        form=form,
        url=_url(webhook) if sees_url else None,
        events=events,
        may_test=webhook.is_ready,
    )


@bp.post("/settings/webhooks/<int:webhook_id>/test")
@allow(Action.ADMINISTER)
def webhook_test(webhook_id: int) -> Any:
    """Send a sample to its own URL, signed if only its secret is needed for that."""
    webhook = queries.webhook(webhook_id)
    try:
        sample = samples.sample(webhook.kind, receiving.secret_of(webhook), now=clock.now())
        path = _path(webhook)
    except Misconfigured as error:
        flash(error.message, "error")
        return _to(webhook_id)
    webhooks.note_test(webhook, now=clock.now())
    db.session.commit()  # the request to ourselves writes too
    _say(sample, _asked(path, sample))
    return _to(webhook_id)


def _asked(path: str, sample: Sample) -> int:
    """The status of the answer, from the same application that answers the provider."""
    client = Client(current_app.wsgi_app)
    answer = client.post(
        path,
        data=sample.body,
        headers=sample.headers,
        content_type="application/json",
        base_url=config.current().public_url,
    )
    return answer.status_code


def _say(sample: Sample, status: int) -> None:
    if sample.is_signed and status == 200:
        flash(_("The test event was accepted. It appears below."), "success")
    elif not sample.is_signed and status == 403:
        flash(
            _(
                "The URL works and rejects events without the provider's signature. Send a test event from there."
            ),
            "success",
        )
    else:
        flash(_("The test event was not accepted (status %(status)s).", status=status), "error")


@bp.post("/settings/webhooks/<int:webhook_id>/url")
@allow(Action.ADMINISTER)
@confirmed("POST")
def webhook_rotate(webhook_id: int) -> Any:
    webhook = queries.webhook(webhook_id)
    webhooks.rotate(webhook, now=clock.now())
    db.session.commit()
    flash(_("New URL created. Enter it at the provider: the old one no longer works."), "success")
    return _to(webhook_id)


@bp.post("/settings/webhooks/<int:webhook_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def webhook_delete(webhook_id: int) -> Any:
    webhook = queries.webhook(webhook_id)
    name = webhook.name
    webhooks.delete(webhook, now=clock.now())
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".webhooks_page"), 303)


def _to(webhook_id: int) -> Any:
    return redirect(url_for(".webhook_show", webhook_id=webhook_id), 303)


def _path(webhook: Webhook) -> str:
    return url_for("hook_doors.take_events", kind=webhook.kind.value, token=secret_urls.token_of(webhook))


def _url(webhook: Webhook) -> str | None:
    """What is entered at the provider; None when SECRET_KEY has changed."""
    try:
        return config.current().public_url + _path(webhook)
    except Misconfigured:
        return None
