"""One's own security: password, second factors, and where one is signed in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from flask import flash, redirect, render_template, url_for

from campaigns.accounts import guards, queries, services, sessions
from campaigns.accounts.factor import devices, passkeys, rules
from campaigns.accounts.factor import services as factor_services
from campaigns.accounts.factor.guards import record
from campaigns.accounts.factor.models import RememberedDevice
from campaigns.accounts.forms import PasswordForm, accepted
from campaigns.accounts.guards import Action, allow, operator, session_secret
from campaigns.accounts.models import Operator, OperatorSession
from campaigns.accounts.views import account_tabs, bp
from campaigns.core import clock, signing
from campaigns.core.db import db
from campaigns.core.i18n import _


@bp.get("/profile/security")
@allow(Action.SIGN_IN)
def security() -> Any:
    return _page(PasswordForm(formdata=None))


def _page(form: PasswordForm) -> str:
    who, now = operator(), clock.now()
    signed_in, others = _signed_in(who, now=now)
    return render_template(
        "accounts/security.html",
        password_form=form,
        factors=factor_services.factors_of(who),
        is_needed=rules.is_needed(who),
        can_use_passkeys=passkeys.are_possible(),
        signed_in=signed_in,
        other_devices=others,
        tabs=account_tabs(),
    )


class SignedIn(NamedTuple):
    """A browser that is signed in; `device` if it is also remembered, `is_this` for the one that asks."""

    session: OperatorSession
    device: RememberedDevice | None
    is_this: bool


def _signed_in(who: Operator, *, now: datetime) -> tuple[list[SignedIn], list[RememberedDevice]]:
    """Where the operator is signed in, and the remembered devices on which they are not."""
    remembered = {each.id: each for each in devices.of(who.id, now=now)}
    this = signing.secret_hash(session_secret())
    found = [
        SignedIn(each, remembered.pop(each.device_id or 0, None), each.secret_hash == this)
        for each in queries.sessions_of(who.id, now=now)
    ]
    return found, list(remembered.values())


@bp.post("/profile/password")
@allow(Action.SIGN_IN)
def update_password() -> Any:
    form = PasswordForm()
    if form.validate_on_submit() and _change_password(form):
        flash(_("Password changed. You're signed out on all other devices."), "success")
        return redirect(url_for(".security"), 303)
    if sessions.end_if_guessed(session_secret()):
        return _guessed()
    return _page(form), 422


def _change_password(form: PasswordForm) -> bool:
    values = {"current": form.current.data, "password": form.password.data}
    secret = session_secret()
    may_try = sessions.take_try(secret)
    db.session.commit()  # counted, whatever happens now
    change = lambda: services.change_password(operator(), **values, session_secret=secret)  # noqa: E731
    is_done = may_try and accepted(form, change) is not None
    if may_try and not form.current.errors:
        sessions.confirm(secret, now=clock.now())  # the password was right, whatever the new one is
    if is_done:
        record("operator.password_changed", operator().email, by=operator())
    db.session.commit()
    return is_done


def _guessed() -> Any:
    _record("operator.confirmation_failed", operator().email)
    guards.sign_out()
    flash(_("Too many wrong attempts. Sign in again."), "error")
    return redirect(url_for(".sign_in"), 303)


@bp.post("/profile/sign-out-everywhere")
@allow(Action.SIGN_IN)
def sign_out_everywhere() -> Any:
    sessions.end_all(operator().id)
    _record("operator.signed_out_everywhere", operator().email)
    guards.sign_out()
    flash(_("You are signed out on all devices."), "success")
    return redirect(url_for(".sign_in"), 303)


@bp.post("/profile/security/others/delete")
@allow(Action.SIGN_IN)
def security_end_others() -> Any:
    sessions.end_all(operator().id, but=session_secret())
    _record("operator.other_sessions_ended", operator().email)
    flash(_("You're signed out on all other devices."), "success")
    return redirect(url_for(".security"), 303)


@bp.post("/profile/security/sessions/<key>/delete")
@allow(Action.SIGN_IN)
def security_end_session(key: str) -> Any:
    """End one session, and ask its device for the second step again."""
    found = queries.session(operator().id, key)
    browser = found.browser
    sessions.end_with_device(found)
    _record("operator.session_ended", browser)
    flash(_("Signed out on that device."), "success")
    return redirect(url_for(".security"), 303)


@bp.post("/profile/security/devices/<int:device_id>/delete")
@allow(Action.SIGN_IN)
def security_forget_device(device_id: int) -> Any:
    found = devices.device(operator().id, device_id)
    browser = found.browser
    devices.forget(found)
    _record("operator.device_forgotten", browser)
    flash(_("That device is no longer remembered."), "success")
    return redirect(url_for(".security"), 303)


def _record(action: str, subject: str) -> None:
    """Write the audit entry and commit everything that was done."""
    record(action, subject, by=operator())
    db.session.commit()
