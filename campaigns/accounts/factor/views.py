"""Pages for the second step of signing in, its set-up, and the roles that require it."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user

from campaigns.accounts import guards, letters, queries
from campaigns.accounts.factor import apps, passkeys, recovery, rules, services
from campaigns.accounts.factor import guards as step
from campaigns.accounts.factor import second_step as steps
from campaigns.accounts.factor.challenges import Purpose
from campaigns.accounts.factor.forms import AppForm, PasskeyForm, RulesForm, SecondStepForm
from campaigns.accounts.forms import SignInForm, accepted
from campaigns.accounts.guards import (
    Action,
    allow,
    anyone,
    frame,
    limited_second_step,
    operator,
    own_path,
    session_secret,
    sets_up,
    writes,
)
from campaigns.accounts.models import Operator, Role
from campaigns.accounts.stepup.guards import confirmed
from campaigns.accounts.views import bp, sign_in_page, site_name
from campaigns.core import browsers, clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _, _n, datetime_text
from campaigns.core.queue import enqueue
from campaigns.notices import services as notices_services

# -- signing in


@bp.route("/sign-in/second-step", methods=["GET", "POST"])
@limited_second_step
@anyone
def second_step() -> Any:
    who = step.half_way()
    if who is None:
        flash(_("Sign in again. The second step wasn't finished in time."), "info")
        return redirect(url_for(".sign_in", next=request.args.get("next")), 303)
    form = SecondStepForm()
    if not form.validate_on_submit():
        return _step_page(form, who), 422 if form.is_submitted() else 200
    was_blocked = apps.blocked_until(who.id, now=clock.now())
    given = {"passkey": form.passkey.data or "", "code": form.code.data or ""}
    method = steps.take(who, **given, now=clock.now())
    if method:
        return _come_in(form, who, method)
    return _refuse(form, who, warns=was_blocked is None)


def _step_page(form: SecondStepForm, who: Operator) -> str:
    wants_recovery = "recovery" in request.args
    if wants_recovery:
        form.ask_for_recovery_code()
    mine = services.factors_of(who)
    can_use_keys = mine.passkeys and passkeys.are_possible() and not wants_recovery
    options = passkeys.options_to_ask(Purpose.SECOND_STEP, who, now=clock.now()) if can_use_keys else None
    return render_template(
        "accounts/second_step.html",
        form=form,
        factors=mine,
        wants_recovery=wants_recovery,
        options=options,
        next=request.args.get("next"),
    )


def _come_in(form: SecondStepForm, who: Operator, method: str) -> Any:
    device, cookie = step.remember_device(who) if form.remember.data else (None, None)
    step.sign_in(who, method=method, device_id=device.id if device else None)
    if method == steps.RECOVERY_CODE:
        _say_codes_left(who)
    db.session.commit()
    response = make_response(redirect(own_path(request.args.get("next")), 303))
    if cookie:
        step.set_device_cookie(response, cookie)
    return guards.remember_browser(response, who)


def _say_codes_left(who: Operator) -> None:
    left = recovery.left(who.id)
    message = _n("%(num)s recovery code left.", "%(num)s recovery codes left.", left)
    flash(message, "warning" if left < 3 else "info")


def _refuse(form: SecondStepForm, who: Operator, *, warns: bool) -> tuple[str, int]:
    """Show the error. `warns`: if codes are blocked now, email the owner, since someone knows the password."""
    blocked = apps.blocked_until(who.id, now=clock.now())
    if warns and blocked:
        _post(who, "guessed")
    db.session.commit()
    if form.passkey.data:
        form.form_errors.append(_("The passkey wasn't accepted. Try again."))
    elif not apps.looks_like_code(form.code.data or ""):
        form.code.errors = [_("This code is incorrect or was already used.")]
    elif blocked:
        until = datetime_text(blocked, "HH:mm")
        form.code.errors = [
            _("Too many incorrect codes. Try again at %(time)s, or use another method.", time=until)
        ]
    else:
        form.code.errors = [_("This code is incorrect or was already used. Wait for the next one.")]
    return _step_page(form, who), 401


@bp.post("/sign-in/passkey")
@limited_second_step
@anyone
def sign_in_by_passkey() -> Any:
    who = steps.by_passkey_alone(request.form.get("passkey", ""), now=clock.now())
    if who is None:
        db.session.commit()
        form = SignInForm(formdata=None)
        form.form_errors.append(_("The passkey wasn't accepted. Sign in with your password."))
        return sign_in_page(form), 401
    step.sign_in(who, method="passkey")
    db.session.commit()
    return guards.remember_browser(make_response(redirect(own_path(request.args.get("next")), 303)), who)


# -- setting it up


@bp.get("/two-step")
@allow(Action.SIGN_IN)
@sets_up
def set_up() -> Any:
    """The page for operators whose role requires a second factor and who have none."""
    if not current_user.must_set_up:
        return redirect(url_for(".security"), 303)
    return render_template("accounts/set_up.html", can_use_passkeys=passkeys.are_possible())


@bp.route("/profile/security/app", methods=["GET", "POST"])
@writes
@allow(Action.SIGN_IN)
@sets_up
@confirmed("GET", "POST")
def security_app() -> Any:
    app = apps.begun(operator()) or apps.begin(operator(), now=clock.now())
    db.session.commit()
    form = AppForm()
    if form.validate_on_submit() and (codes := _confirm_app(form)) is not None:
        return _set_up_done(codes, _("Authenticator app added."))
    site = site_name()
    address = apps.address(app, account=operator().email, site=site)
    return render_template(
        "accounts/app.html", form=form, frame=frame(), qr_code=apps.qr_code(address), secret=apps.secret(app)
    ), 422 if form.is_submitted() else 200


def _confirm_app(form: AppForm) -> list[str] | None:
    """Recovery codes to show, possibly none; None if the code was wrong."""
    code, secret = form.code.data or "", session_secret()
    codes = services.confirm_app(operator(), code, session_secret=secret, now=clock.now())
    if codes is None:
        form.code.errors = [
            _("This code is incorrect. Check that your phone's clock is right and try again.")
        ]
        return None
    _post(operator(), "app_added")
    return codes


@bp.post("/profile/security/app/delete")
@allow(Action.SIGN_IN)
@confirmed("POST")
def security_remove_app() -> Any:
    try:
        services.remove_app(operator(), session_secret=session_secret())
    except Conflict as error:
        return _stays(error)
    _post(operator(), "app_removed")
    flash(_("Authenticator app removed."), "success")
    return redirect(url_for(".security"), 303)


@bp.route("/profile/security/passkeys/new", methods=["GET", "POST"])
@allow(Action.SIGN_IN)
@sets_up
@confirmed("GET", "POST")
def security_passkey() -> Any:
    form = PasskeyForm(name=browsers.name(request.user_agent.string))
    if form.validate_on_submit() and (codes := _add_passkey(form)) is not None:
        return _set_up_done(codes, _("Passkey added."))
    site = site_name()
    is_possible = passkeys.are_possible()
    options = passkeys.options_to_register(operator(), site=site, now=clock.now()) if is_possible else None
    return render_template(
        "accounts/passkey.html", form=form, frame=frame(), options=options
    ), 422 if form.is_submitted() else 200


def _add_passkey(form: PasskeyForm) -> list[str] | None:
    """Recovery codes to show, possibly none; None if the passkey was refused."""
    answer, name, secret = form.passkey.data or "", form.name.data or "", session_secret()
    codes = accepted(
        form,
        lambda: services.add_passkey(operator(), answer, name=name, session_secret=secret, now=clock.now()),
    )
    if codes is not None:
        _post(operator(), "passkey_added")
    return codes


@bp.post("/profile/security/passkeys/<int:passkey_id>/delete")
@allow(Action.SIGN_IN)
@confirmed("POST")
def security_remove_passkey(passkey_id: int) -> Any:
    key = passkeys.passkey(operator().id, passkey_id)
    name = key.name
    try:
        services.remove_passkey(operator(), key, session_secret=session_secret())
    except Conflict as error:
        return _stays(error)
    _post(operator(), "passkey_removed")
    flash(_("Passkey “%(name)s” removed.", name=name), "success")
    return redirect(url_for(".security"), 303)


@bp.post("/profile/security/recovery-codes")
@allow(Action.SIGN_IN)
@confirmed("POST")
def security_codes() -> Any:
    if not rules.has_one(operator()):
        return redirect(url_for(".security"), 303)
    codes = services.renew_codes(operator(), now=clock.now())
    _post(operator(), "codes_created")
    return _codes_page(codes)


def _stays(error: Conflict) -> Any:
    db.session.rollback()
    flash(error.message, "error")
    return redirect(url_for(".security"), 303)


def _set_up_done(codes: list[str], sentence: Any) -> Any:
    """The page with new recovery codes, which are shown only once; without any, a redirect to the list."""
    flash(sentence, "success")
    return _codes_page(codes) if codes else redirect(url_for(".security"), 303)


def _codes_page(codes: list[str]) -> str:
    return render_template("accounts/recovery_codes.html", codes=codes, frame=frame())


# -- team members


@bp.route("/operators/security", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def sign_in_rules() -> Any:
    form = RulesForm(roles=sorted(rules.roles_that_need_one()))
    if form.validate_on_submit():
        services.need_one([Role(role) for role in form.roles.data or []], now=clock.now())
        db.session.commit()
        flash(_("Sign-in settings saved."), "success")
        return redirect(url_for(".sign_in_rules"), 303)
    return render_template(
        "accounts/sign_in_rules.html", form=form, without=_without_factor()
    ), 422 if form.is_submitted() else 200


def _without_factor() -> list[Operator]:
    known = rules.operators_with_one()
    return [each for each in queries.operators() if each.id not in known and not each.is_disabled]


@bp.post("/operators/<int:operator_id>/second-factor/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def delete_factors(operator_id: int) -> Any:
    who = queries.operator(operator_id)
    services.reset(who)
    _post(who, "reset")
    flash(_("Two-step verification of %(name)s was reset.", name=who.display_name), "success")
    return redirect(url_for(".edit", operator_id=who.id), 303)


# -- shared by the routes above


def _post(owner: Operator, letter: str) -> None:
    """Email the account's owner about the change, and commit."""
    site = site_name()
    notice = letters.post_security_changed(owner, letter, site=site, now=clock.now())
    db.session.commit()
    enqueue(notices_services.JOB, notice.id)
