"""Pages for signing in and out, the profile, and team members."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user

from campaigns.accounts import guards, invitations, login, queries, resets, services
from campaigns.accounts.factor import guards as step
from campaigns.accounts.factor import passkeys, rules
from campaigns.accounts.factor.challenges import Purpose
from campaigns.accounts.factor.models import RememberedDevice
from campaigns.accounts.forms import (
    ForgottenForm,
    InvitedForm,
    InviteForm,
    ProfileForm,
    ResetForm,
    RoleForm,
    SignInForm,
    WelcomeForm,
    accepted,
)
from campaigns.accounts.guards import (
    Action,
    allow,
    anyone,
    limited_reset,
    limited_sign_in,
    operator,
    own_path,
    session_secret,
    sets_up,
)
from campaigns.accounts.models import Invitation, Operator, PasswordReset, Role
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.core.queue import enqueue
from campaigns.notices import services as notices_services
from campaigns.page_parts import Tab
from campaigns.settings import queries as settings_queries
from campaigns.settings import site as site_services

bp = Blueprint("accounts", __name__)

# A request for a reset link is answered after this time, so that its duration does not tell who has an account.
STEADY = timedelta(milliseconds=200)


# -- signing in and out


@bp.route("/sign-in", methods=["GET", "POST"])
@limited_sign_in
@anyone
def sign_in() -> Any:
    form = SignInForm()
    if current_user.is_authenticated:
        return redirect(_next_page())
    if not form.validate_on_submit():
        return sign_in_page(form), _status(form)
    claimed = login.claim(form.email.data)
    db.session.commit()  # hold no transaction while a password is verified
    who = login.prove(claimed, form.password.data, now=clock.now())
    if who is None:
        return _refuse_sign_in(form)
    device = step.remembered_device(who)
    if device is None and rules.has_one(who):
        return _ask_second_step(who)
    return _come_in(who, device)


def sign_in_page(form: SignInForm) -> str:
    """The sign-in page, with a passkey button if any operator has a passkey."""
    can_use_passkeys = passkeys.are_possible() and passkeys.are_there()
    return render_template(
        "accounts/sign_in.html",
        form=form,
        is_first=not queries.has_operators(),
        options=passkeys.options_to_ask(Purpose.SIGN_IN, None, now=clock.now()) if can_use_passkeys else None,
        next=request.args.get("next"),
    )


def _ask_second_step(who: Operator) -> Any:
    db.session.commit()
    step.hold(who)
    return redirect(url_for(".second_step", next=request.args.get("next")), 303)


def _come_in(who: Operator, device: RememberedDevice | None) -> Any:
    """Sign in without a second step: there is no second factor, or the device is remembered."""
    if device:
        device.seen_at = clock.now()
    step.sign_in(who, device_id=device.id if device else None)
    db.session.commit()
    return guards.remember_browser(make_response(redirect(_next_page(), 303)), who)


def _refuse_sign_in(form: SignInForm) -> tuple[str, int]:
    db.session.commit()
    form.form_errors.append(_("Incorrect email or password."))
    return sign_in_page(form), 401


@bp.post("/sign-out")
@allow(Action.SIGN_IN)
@sets_up
def sign_out() -> Any:
    login.end(operator(), session_secret())
    db.session.commit()
    guards.sign_out()
    flash(_("You are signed out."), "success")
    return redirect(url_for(".sign_in"), 303)


@bp.route("/forgotten", methods=["GET", "POST"])
@limited_reset
@anyone
def forgotten() -> Any:
    started = time.monotonic()
    form = ForgottenForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgotten.html", form=form), _status(form)
    notice = resets.request(form.email.data, site=site_name(), now=clock.now())
    db.session.commit()
    if notice:
        enqueue(notices_services.JOB, notice.id)
    time.sleep(max(0.0, started + STEADY.total_seconds() - time.monotonic()))
    return redirect(url_for(".mail_sent"), 303)


@bp.get("/forgotten/sent")
@anyone
def mail_sent() -> Any:
    return render_template("accounts/mail_sent.html")


@bp.route("/reset/<secret>", methods=["GET", "POST"])
@anyone
def reset(secret: str) -> Any:
    found = queries.reset_by_secret(secret, now=clock.now())
    if found is None:
        return render_template("accounts/link_over.html", kind="reset"), 410
    form = ResetForm()
    if form.validate_on_submit() and _use_reset(form, found):
        flash(_("Password changed. Sign in with your new password."), "success")
        return redirect(url_for(".sign_in"), 303)
    return render_template("accounts/reset.html", form=form, email=found.operator.email), _status(form)


def _use_reset(form: ResetForm, found: PasswordReset) -> bool:
    values = {"password": form.password.data, "site": site_name(), "now": clock.now()}
    done = accepted(form, lambda: resets.use(found, **values))
    if done is None:
        return False
    db.session.commit()
    enqueue(notices_services.JOB, done[1].id)
    return True


@bp.route("/welcome/<secret>", methods=["GET", "POST"])
@anyone
def welcome(secret: str) -> Any:
    found = queries.invitation_by_secret(secret, now=clock.now())
    if found is None or found.email or queries.has_operators():
        return render_template("accounts/link_over.html", kind="welcome"), 410
    form = WelcomeForm(
        language=str(request.accept_languages.best_match(["en", "zh"]) or "en"), time_zone="UTC"
    )
    if form.validate_on_submit() and _join(form, found, email=form.email.data):
        return redirect("/", 303)
    return render_template("accounts/welcome.html", form=form), _status(form)


@bp.route("/invitations/<secret>", methods=["GET", "POST"])
@anyone
def invitation(secret: str) -> Any:
    found = queries.invitation_by_secret(secret, now=clock.now())
    if found is None or not found.email:
        return render_template("accounts/link_over.html", kind="invitation"), 410
    site = settings_queries.site()
    form = InvitedForm(language=site.language, time_zone=site.time_zone)
    if form.validate_on_submit() and _join(form, found):
        return redirect("/", 303)
    return render_template("accounts/invitation.html", form=form, invitation=found), _status(form)


def _join(form: InvitedForm, found: Invitation, *, email: str | None = None) -> bool:
    """Create the invited operator and sign them in; False if the form was refused."""
    now = clock.now()
    values = {name: form[name].data for name in ("name", "password", "language", "time_zone")}
    who = accepted(form, lambda: invitations.accept(found, email=email, **values, now=now))
    if who is None:
        return False
    step.sign_in(who)
    if found.email is None:  # the first operator's language and time zone become the site's
        site_services.adopt(settings_queries.site(), language=who.language, time_zone=who.time_zone)
    db.session.commit()
    flash(_("Welcome, %(name)s.", name=who.display_name), "success")
    return True


# -- the operator's profile


@bp.route("/profile", methods=["GET", "POST"])
@allow(Action.SIGN_IN)
def profile() -> Any:
    form = ProfileForm(obj=operator())
    values = {name: form[name].data for name in ("name", "language", "time_zone", "wants_alerts")}
    act = lambda: services.update_profile(operator(), **values)  # noqa: E731
    if form.validate_on_submit() and accepted(form, act):
        db.session.commit()
        flash(_("Profile saved."), "success")
        return redirect(url_for(".profile"), 303)
    return render_template("accounts/profile.html", form=form, tabs=account_tabs()), _status(form)


def account_tabs() -> list[Tab]:
    """The tabs of the operator's account pages."""
    pages = ((_("Profile"), "accounts.profile"), (_("Security"), "accounts.security"))
    is_profile = request.endpoint == "accounts.profile"
    return [
        Tab(label, url_for(endpoint), is_profile == (endpoint == "accounts.profile"))
        for label, endpoint in pages
    ]


# -- team members


@bp.get("/operators")
@allow(Action.ADMINISTER)
def operators() -> Any:
    return render_template(
        "accounts/operators.html",
        operators=queries.operators(),
        invitations=queries.open_invitations(),
        with_factor=rules.operators_with_one(),
        operator_id=operator().id,
    )


@bp.route("/operators/invite", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def invite() -> Any:
    form = InviteForm()
    if form.validate_on_submit() and _invite(form):
        flash(_("Invitation sent to %(email)s.", email=form.email.data), "success")
        return redirect(url_for(".operators"), 303)
    return render_template("accounts/invite.html", form=form), _status(form)


def _invite(form: InviteForm) -> bool:
    email, role, who, site = form.email.data, Role(form.role.data), operator(), settings_queries.site().name
    done = accepted(form, lambda: invitations.invite(email, role=role, by=who, site=site, now=clock.now()))
    if done is None:
        return False
    db.session.commit()
    enqueue(notices_services.JOB, done[1].id)
    return True


@bp.post("/operators/invitations/<int:invitation_id>/mail")
@allow(Action.ADMINISTER)
@confirmed("POST")
def create_invitation_mail(invitation_id: int) -> Any:
    found = queries.invitation(invitation_id)
    notice = invitations.send_again(found, by=operator(), site=site_name(), now=clock.now())
    db.session.commit()
    enqueue(notices_services.JOB, notice.id)
    flash(_("Invitation sent to %(email)s.", email=found.email), "success")
    return redirect(url_for(".operators"), 303)


@bp.post("/operators/invitations/<int:invitation_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def delete_invitation(invitation_id: int) -> Any:
    found = queries.invitation(invitation_id)
    email = found.email or ""
    invitations.revoke(found)
    db.session.commit()
    flash(_("The invitation to %(email)s no longer works.", email=email), "success")
    return redirect(url_for(".operators"), 303)


@bp.route("/operators/<int:operator_id>", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def edit(operator_id: int) -> Any:
    who = queries.operator(operator_id)
    form = RoleForm(role=who.role.value)
    if form.validate_on_submit() and _change_role(form, who):
        flash(
            _("Role of %(name)s changed to %(role)s.", name=who.display_name, role=who.role.label), "success"
        )
        return redirect(url_for(".operators"), 303)
    has_factor = rules.has_one(who)
    return render_template("accounts/edit.html", form=form, who=who, has_factor=has_factor), _status(form)


def _change_role(form: RoleForm, who: Operator) -> bool:
    if accepted(form, lambda: services.change_role(who, Role(form.role.data))) is None:
        return False
    db.session.commit()
    return True


@bp.post("/operators/<int:operator_id>/disable")
@allow(Action.ADMINISTER)
@confirmed("POST")
def create_disabling(operator_id: int) -> Any:
    who = queries.operator(operator_id)
    return _done(
        who,
        services.disable,
        _("%(name)s can no longer sign in.", name=who.display_name),
    )


@bp.post("/operators/<int:operator_id>/enable")
@allow(Action.ADMINISTER)
@confirmed("POST")
def delete_disabling(operator_id: int) -> Any:
    who = queries.operator(operator_id)
    return _done(who, services.enable, _("%(name)s can sign in again.", name=who.display_name))


@bp.post("/operators/<int:operator_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def delete(operator_id: int) -> Any:
    who = queries.operator(operator_id)
    return _done(who, services.remove, _("%(name)s removed.", name=who.display_name))


def _done(who: Operator, act: Any, sentence: Any) -> Any:
    """Apply `act` to the operator and return to the list, or show its DomainError on the operator's page."""
    sentence = str(sentence)
    try:
        act(who)
    except DomainError as error:
        flash(error.message, "error")
        return redirect(url_for(".edit", operator_id=who.id), 303)
    db.session.commit()
    flash(sentence, "success")
    return redirect(url_for(".operators"), 303)


# -- shared by the routes above


def site_name() -> str:
    """The site's name, as set in the settings."""
    return settings_queries.site().name


def _next_page() -> str:
    """The page that was requested before signing in."""
    return own_path(request.args.get("next"))


def _status(form: Any) -> int:
    return 422 if form.is_submitted() else 200
