"""The operator's security page: password, second factors, sessions and remembered devices."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from flask import flash, redirect, render_template, url_for

from campaigns.accounts import guards, login, queries, services, sessions
from campaigns.accounts.factor import devices, passkeys, rules
from campaigns.accounts.factor import services as factor_services
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
    """A signed-in browser; `device` if it is also remembered, `is_this` for the browser of this request."""

    session: OperatorSession
    device: RememberedDevice | None
    is_this: bool


def _signed_in(who: Operator, *, now: datetime) -> tuple[list[SignedIn], list[RememberedDevice]]:
    """The operator's sessions, and the remembered devices without a session."""
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
    form, secret = PasswordForm(), session_secret()
    if not form.validate_on_submit():
        return _page(form), 422
    may_try = sessions.take_try(secret)
    db.session.commit()  # the attempt is counted whatever follows
    if may_try and _change_password(form):
        flash(_("Password changed. You're signed out on all other devices."), "success")
        return redirect(url_for(".security"), 303)
    if may_try and not form.current.errors:
        return _page(form), 422
    is_over = login.refuse_to_confirm(operator(), secret, now=clock.now())
    db.session.commit()
    return _guessed() if is_over else (_page(form), 422)


def _change_password(form: PasswordForm) -> bool:
    """Whether the password was changed. A right current password confirms the session even if the new one is refused."""
    values = {"current": form.current.data, "password": form.password.data}
    secret = session_secret()
    change = lambda: services.change_password(operator(), **values, session_secret=secret)  # noqa: E731
    is_done = accepted(form, change) is not None
    if not form.current.errors:
        login.confirm(operator(), secret, method="password", now=clock.now())
    db.session.commit()
    return is_done


def _guessed() -> Any:
    guards.sign_out()
    flash(_("Too many wrong attempts. Sign in again."), "error")
    return redirect(url_for(".sign_in"), 303)


@bp.post("/profile/sign-out-everywhere")
@allow(Action.SIGN_IN)
def sign_out_everywhere() -> Any:
    login.end_everywhere(operator())
    db.session.commit()
    guards.sign_out()
    flash(_("You are signed out on all devices."), "success")
    return redirect(url_for(".sign_in"), 303)


@bp.post("/profile/security/others/delete")
@allow(Action.SIGN_IN)
def security_end_others() -> Any:
    login.end_others(operator(), session_secret())
    db.session.commit()
    flash(_("You're signed out on all other devices."), "success")
    return redirect(url_for(".security"), 303)


@bp.post("/profile/security/sessions/<key>/delete")
@allow(Action.SIGN_IN)
def security_end_session(key: str) -> Any:
    """End one session and forget its remembered device."""
    login.end_on_device(queries.session(operator().id, key))
    db.session.commit()
    flash(_("Signed out on that device."), "success")
    return redirect(url_for(".security"), 303)


@bp.post("/profile/security/devices/<int:device_id>/delete")
@allow(Action.SIGN_IN)
def security_forget_device(device_id: int) -> Any:
    factor_services.forget_device(devices.device(operator().id, device_id))
    db.session.commit()
    flash(_("That device is no longer remembered."), "success")
    return redirect(url_for(".security"), 303)
