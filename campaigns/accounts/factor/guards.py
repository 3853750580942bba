"""Cookies of the second step: operators who have given only the password, and remembered devices."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, current_app, request, session
from itsdangerous import BadData, URLSafeSerializer

from campaigns.accounts import guards, login, queries
from campaigns.accounts.factor import devices, second_step
from campaigns.accounts.factor.models import RememberedDevice
from campaigns.accounts.models import Operator
from campaigns.core import clock, config, signing
from campaigns.core.errors import NotFound

HALF_WAY = "half_way"  # key in the session cookie: the operator whose password was right, and when
HALF_WAY_FOR = timedelta(minutes=10)


def hold(who: Operator) -> None:
    """Store in the cookie that the password was right. That permits only the page of the second step."""
    session.clear()
    session[HALF_WAY] = [who.id, _mark(who), int(clock.now().timestamp())]


def half_way() -> Operator | None:
    """The operator who gave the right password in this browser in the last ten minutes; else None.

    None also if the account was disabled or its password changed since.
    """
    try:
        operator_id, mark, at = session[HALF_WAY]
        who = queries.operator(operator_id)
    except (KeyError, ValueError, TypeError, NotFound):
        return None
    is_late = clock.now().timestamp() - at > HALF_WAY_FOR.total_seconds()
    return None if is_late or who.is_disabled or mark != _mark(who) else who


def sign_in(who: Operator, *, method: str = "", device_id: int | None = None) -> None:
    """Begin a session in this browser; the cookie's earlier content is dropped."""
    secret = login.begin(who, **_browser(), now=clock.now(), method=method, device_id=device_id)
    guards.sign_in(who, secret)


def remembered_device(who: Operator) -> RememberedDevice | None:
    """This browser's remembered device of this operator; None if there is none or it has expired."""
    try:
        operator_id, secret = _signer().loads(request.cookies.get(_cookie(), ""))
    except (BadData, ValueError, TypeError):
        return None
    if operator_id != who.id or not isinstance(secret, str):
        return None
    return devices.find(who, secret, now=clock.now())


def remember_device(who: Operator) -> tuple[RememberedDevice, str]:
    """Remember this browser; the device, and the value for `set_device_cookie`."""
    device, secret = second_step.remember_device(who, **_browser(), now=clock.now())
    return device, str(_signer().dumps([who.id, secret]))


def set_device_cookie(response: Response, value: str) -> Response:
    response.set_cookie(
        _cookie(),
        value,
        max_age=devices.LASTS,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def _browser() -> dict[str, str]:
    return {"ip": request.remote_addr or "", "user_agent": request.user_agent.string}


def _mark(who: Operator) -> str:
    """A hash that changes with the password."""
    return signing.secret_hash(f"half way {who.id} {who.password_hash}")[:16]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(config.current().secret_key, salt="remembered device")


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-device"
