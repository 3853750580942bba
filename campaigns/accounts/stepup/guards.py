"""Sensitive actions ask for the password or a second factor again, unless it was given recently."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import ImmutableMultiDict

from campaigns.accounts import guards, login, passwords, sessions
from campaigns.accounts.factor import apps, passkeys
from campaigns.accounts.factor.challenges import Purpose
from campaigns.accounts.guards import operator, session_secret
from campaigns.accounts.stepup.forms import WRONG, ConfirmForm
from campaigns.core import clock, config, secrets, signing
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _

View = TypeVar("View", bound=Callable[..., Any])

HELD = "confirm_held"  # form field with the sealed form of the action that waits


def confirmed(*methods: str) -> Callable[[View], View]:
    """Decorator: these methods need the password or a factor, unless it was given in the last ten minutes.

    A GET continues from `/confirm`. A POST's form is kept, sealed, in the page that asks, and is processed with the
    right answer.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def asked(*args: Any, **kwargs: Any) -> Any:
            method = "GET" if request.method == "HEAD" else request.method
            refusal = _refusal(method) if method in methods else None
            return view(*args, **kwargs) if refusal is None else refusal

        asked.confirms = methods  # type: ignore[attr-defined]
        return cast(View, asked)

    return guard


def _refusal(method: str) -> Any:
    """The response to send instead of the view's; None if the action may go on."""
    is_known = sessions.is_confirmed(session_secret(), now=clock.now())
    if method == "GET":
        return (
            None
            if is_known
            else redirect(url_for("accounts.confirm", next=_this_page(), back=_page_before()), 303)
        )
    if HELD not in request.form:
        return None if is_known else (page(new_form(formdata=None), held=_hold(), back=_page_before()), 403)
    form = new_form()
    if not is_known and (refusal := answer(form, held=request.form[HELD], back=_page_before())) is not None:
        return refusal
    request.form = _held(request.form[HELD])  # the view gets the original form
    return None


def new_form(**options: Any) -> ConfirmForm:
    """The form for the operator of this request."""
    return ConfirmForm(has_app=apps.app_of(operator().id) is not None, **options)


def page(form: ConfirmForm, *, held: str = "", back: str = "/") -> str:
    """The page that asks; its form posts to the URL of the action. `held` is the sealed form."""
    who = operator()
    keys = passkeys.are_possible() and passkeys.of(who.id)
    options = passkeys.options_to_ask(Purpose.CONFIRM, who, now=clock.now()) if keys else None
    return render_template(
        "accounts/confirm.html",
        form=form,
        frame=guards.frame(),
        held=held,
        held_name=HELD,
        back=back,
        options=options,
    )


def answer(form: ConfirmForm, *, held: str = "", back: str = "/") -> Any:
    """Check the answer: None if it is right, else the response to send. Commits."""
    secret = session_secret()
    may_try = sessions.take_try(secret)
    db.session.commit()  # the attempt is counted, and no transaction is held while a password is verified
    method = _method(form) if may_try else None
    if method:
        login.confirm(operator(), secret, method=method, now=clock.now())
        db.session.commit()
        return None
    is_over = login.refuse_to_confirm(operator(), secret, now=clock.now())
    db.session.commit()
    if is_over:
        guards.sign_out()
        flash(_("Too many wrong attempts. Sign in again."), "error")
        return redirect(url_for("accounts.sign_in"), 303)
    form.typed.errors = [WRONG]
    return page(form, held=held, back=back), 422


def _method(form: ConfirmForm) -> str | None:
    """What was right: `passkey`, `app` or `password`; None if nothing was."""
    who, typed, now = operator(), form.typed.data or "", clock.now()
    if form.passkey.data:
        return "passkey" if passkeys.accepts(form.passkey.data, Purpose.CONFIRM, who, now=now) else None
    if apps.looks_like_code(typed):
        return "app" if apps.accepts(who.id, typed, now=now) else None
    password_hash = who.password_hash
    db.session.commit()
    return "password" if passwords.matches(password_hash, typed) else None


def _hold() -> str:
    """The posted form, sealed for this session and URL: it may contain a server's password."""
    typed = json.dumps(list(request.form.items(multi=True)))
    return base64.urlsafe_b64encode(secrets.seal(config.current().secret_key, typed, owner=_owner())).decode()


def _held(sealed: str) -> ImmutableMultiDict[str, str]:
    try:
        box = base64.urlsafe_b64decode(sealed)
        typed = json.loads(secrets.open_sealed(config.current().secret_key, box, owner=_owner()))
    except (Misconfigured, binascii.Error, ValueError):
        abort(400)
    return ImmutableMultiDict([(name, value) for name, value in typed])


def _owner() -> str:
    return f"held:{signing.secret_hash(session_secret())}:{request.path}"


def _this_page() -> str:
    return request.full_path if request.query_string else request.path


def _page_before() -> str:
    """The page to return to: the one with the link or form."""
    before = request.referrer or ""
    return guards.own_path(before.removeprefix(config.current().public_url)) if before else "/"
