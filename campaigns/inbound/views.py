"""Pages of mailboxes, and of what came in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from campaigns.accounts import policy
from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.core.paging import page_number
from campaigns.form_page import after
from campaigns.inbound import queries as inbound_queries
from campaigns.inbound.effects import corrections, handling
from campaigns.inbound.forms import MailboxForm, cause_in
from campaigns.inbound.mailboxes import hints, queries, services, shown, stored, trial
from campaigns.inbound.mailboxes.protocols.session import MailboxError
from campaigns.inbound.models import InboundMessage, Mailbox
from campaigns.inbound.rules import services as rules_services
from campaigns.inbound.verdicts.verdict import Cause, Kind

bp = Blueprint("inbound", __name__)


@bp.get("/mailboxes")
@allow(Action.READ_SETTINGS)
def mailboxes() -> Any:
    return render_template("inbound/mailboxes.html", mailboxes=queries.mailboxes())


@bp.route("/mailboxes/new", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def mailbox_create() -> Any:
    form = MailboxForm()
    made = _saved(form, None) if form.validate_on_submit() else None
    if made is None:
        return render_template("inbound/mailbox_form.html", form=form, mailbox=None, server=None), _status(
            form
        )
    flash(_("%(name)s added. Test it now.", name=made.name), "success")
    return _shown_or_tested(made)


@bp.route("/mailboxes/<int:mailbox_id>/edit", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def mailbox_edit(mailbox_id: int) -> Any:
    mailbox = queries.mailbox(mailbox_id)
    form = MailboxForm(
        obj=mailbox, security=mailbox.security.value, protocol=mailbox.protocol.value, password=None
    )
    if not form.is_submitted():
        form.show(mailbox)
    if form.validate_on_submit() and _saved(form, mailbox):
        flash(_("%(name)s saved.", name=mailbox.name), "success")
        return _shown_or_tested(mailbox)
    page = render_template("inbound/mailbox_form.html", form=form, mailbox=mailbox, server=mailbox)
    return page, _status(form)


def _saved(form: MailboxForm, mailbox: Mailbox | None) -> Mailbox | None:
    def save() -> Mailbox:
        if mailbox is None:
            return services.create_mailbox(form.settings(), now=clock.now())
        return services.update_mailbox(mailbox, form.settings())

    done = accepted(form, save)
    if done is not None:
        db.session.commit()
    return done


def _shown_or_tested(mailbox: Mailbox) -> Any:
    """Redirect to the mailbox's page, or with the same form to its test."""
    if request.form.get("next") == "test":
        return redirect(url_for(".mailbox_test", mailbox_id=mailbox.id), 307)
    return redirect(after(url_for(".mailbox_edit", mailbox_id=mailbox.id)), 303)


@bp.post("/mailboxes/<int:mailbox_id>/test")
@allow(Action.ADMINISTER)
def mailbox_test(mailbox_id: int) -> Any:
    """Sign in and count the messages; changes nothing there."""
    try:
        prepared = trial.prepared(queries.mailbox(mailbox_id))
        db.session.commit()  # no transaction stays open while a server takes its time
        result = trial.run(*prepared)
    except MailboxError as error:
        result = trial.Trial(error=error.stored)
    mailbox = queries.mailbox(mailbox_id)
    services.record_trial(mailbox, error=result.error, now=clock.now())
    db.session.commit()
    return render_template("inbound/mailbox_test.html", mailbox=mailbox, trial=result)


@bp.post("/mailboxes/<int:mailbox_id>/read")
@allow(Action.ADMINISTER)
def mailbox_read(mailbox_id: int) -> Any:
    mailbox = queries.mailbox(mailbox_id)
    services.read_soon(mailbox, now=clock.now())
    db.session.commit()
    queue.enqueue(hints.READ, mailbox_id)
    flash(_("%(name)s is being read. New messages appear under Incoming.", name=mailbox.name), "success")
    return redirect(url_for(".mailboxes"), 303)


@bp.post("/mailboxes/<int:mailbox_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def mailbox_delete(mailbox_id: int) -> Any:
    mailbox = queries.mailbox(mailbox_id)
    name = mailbox.name
    try:
        rules_services.delete_mailbox(mailbox)
    except Conflict as error:
        flash(error.message, "error")
        return redirect(url_for(".mailbox_edit", mailbox_id=mailbox_id), 303)
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".mailboxes"), 303)


# -- what came in


@bp.get("/incoming")
@allow(Action.READ_PEOPLE)
def incoming() -> Any:
    note_view(shown.view_of())
    wanted = shown.Filter.read(request.args)
    page = queries.messages(**wanted.choices, number=page_number(request.args.get("page")))
    return render_template(
        "inbound/incoming.html", page=page, wanted=wanted, kinds=shown.KINDS, states=shown.STATES
    )


@bp.get("/incoming/<big:message_id>")
@allow(Action.READ_PEOPLE)
def message(message_id: int) -> Any:
    found = queries.message(message_id)
    note_view(shown.view_of(found.id))
    source = shown.source_of(found)
    offers_retry = found.is_quarantined and bool(source)
    return render_template(
        "inbound/message.html",
        message=found,
        source=source,
        offers_retry=offers_retry,
        causes=_choices(found),
    )


def _choices(message: InboundMessage) -> tuple[Cause, ...]:
    """The reasons that this operator may give its findings."""
    may = policy.can(operator(), Action.EDIT_PEOPLE)
    return corrections.CHOICES if may and message.kind is Kind.BOUNCE else ()


@bp.post("/incoming/<big:message_id>/retry")
@allow(Action.EDIT_PEOPLE)
def create_retry(message_id: int) -> Any:
    """Let a quarantined message be handled again."""
    stored.try_again(queries.message(message_id))
    db.session.commit()
    queue.enqueue(hints.HANDLE, message_id)
    flash(_("The message is being processed again."), "success")
    return redirect(url_for(".message", message_id=message_id), 303)


@bp.post("/incoming/findings/<big:finding_id>/reason")
@allow(Action.EDIT_PEOPLE)
def create_correction(finding_id: int) -> Any:
    """Give a bounce another reason: undoes what it did, and reads the same text so from now on."""
    found = inbound_queries.finding(finding_id)
    message_id, campaign_id = found.message_id, found.campaign_id
    corrections.overrule(found, cause_in(request.form.get("reason", "")), now=clock.now())
    db.session.commit()
    handling.settle([campaign_id] if campaign_id else [], now=clock.now())
    flash(_("The reason is changed. Messages with the same text are read this way from now on."), "success")
    return redirect(url_for(".message", message_id=message_id), 303)


def _status(form: Any) -> int:
    return 422 if form.is_submitted() else 200
