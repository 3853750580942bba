"""Pages of timed emails."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.inbound.timed import queries, services
from campaigns.inbound.timed.forms import TimedMailForm
from campaigns.inbound.timed.models import TimedMail

bp = Blueprint("timed", __name__)


@bp.get("/scheduled-emails")
@allow(Action.READ_PEOPLE)
def timed_mails() -> Any:
    return render_template("timed/index.html", mails=queries.timed_mails())


@bp.route("/scheduled-emails/new", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def timed_mail_create() -> Any:
    form = TimedMailForm()
    form.prepare(operator().time_zone)
    if form.validate_on_submit() and _create(form):
        flash(_("Email scheduled."), "success")
        return redirect(url_for(".timed_mails"), 303)
    return render_template("timed/form.html", form=form, mail=None), 422 if form.is_submitted() else 200


def _create(form: TimedMailForm) -> TimedMail | None:
    made = accepted(form, lambda: services.create(form.written(), by=operator(), now=clock.now()))
    if made is not None:
        db.session.commit()
    return made


@bp.route("/scheduled-emails/<int:mail_id>", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def timed_mail_edit(mail_id: int) -> Any:
    mail, form = queries.timed_mail(mail_id), TimedMailForm()
    form.prepare(mail.time_zone)
    if form.validate_on_submit() and _update(form, mail):
        flash(_("%(name)s saved.", name=mail.subject), "success")
        return redirect(url_for(".timed_mails"), 303)
    if not form.is_submitted():
        form.show(mail)
    return render_template("timed/form.html", form=form, mail=mail), 422 if form.is_submitted() else 200


def _update(form: TimedMailForm, mail: TimedMail) -> bool:
    def act() -> bool:
        services.update(mail, form.written(), now=clock.now())
        return True

    if accepted(form, act) is None:
        return False
    db.session.commit()
    return True


@bp.post("/scheduled-emails/<int:mail_id>/pause")
@allow(Action.EDIT_CAMPAIGNS)
def timed_mail_pause(mail_id: int) -> Any:
    mail = queries.timed_mail(mail_id)
    services.pause(mail, now=clock.now())
    db.session.commit()
    flash(_("%(name)s paused.", name=mail.subject), "success")
    return redirect(url_for(".timed_mails"), 303)


@bp.post("/scheduled-emails/<int:mail_id>/resume")
@allow(Action.EDIT_CAMPAIGNS)
def timed_mail_resume(mail_id: int) -> Any:
    mail = queries.timed_mail(mail_id)
    services.resume(mail, now=clock.now())
    db.session.commit()
    flash(_("%(name)s resumed.", name=mail.subject), "success")
    return redirect(url_for(".timed_mails"), 303)


@bp.post("/scheduled-emails/<int:mail_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def timed_mail_delete(mail_id: int) -> Any:
    mail = queries.timed_mail(mail_id)
    name = mail.subject
    services.delete(mail, now=clock.now())
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".timed_mails"), 303)
