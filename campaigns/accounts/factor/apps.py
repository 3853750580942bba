"""Authenticator apps: six digits that change every 30 seconds (TOTP, RFC 6238). Each code works once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pyotp
import sqlalchemy as sa
from pyotp.utils import strings_equal

from campaigns.accounts.factor.models import AuthenticatorApp
from campaigns.accounts.models import Operator
from campaigns.core import config, secrets
from campaigns.core.db import changed_by, db

STEP_S = 30
TRIES = 5  # wrong codes in a row that block codes for a while
BLOCKED_FOR = timedelta(minutes=15)  # doubles with each further five wrong codes
BLOCKED_AT_MOST = timedelta(days=1)
_CODE = re.compile(r"[0-9]{6}")


def app_of(operator_id: int) -> AuthenticatorApp | None:
    """The operator's confirmed app, or None."""
    return db.session.scalar(_apps(operator_id).where(AuthenticatorApp.confirmed_at.is_not(None)))


def begin(operator: Operator, *, now: datetime) -> AuthenticatorApp:
    """Create an app with a new secret, to be confirmed by `confirm`. Replaces an earlier unconfirmed one."""
    mine = AuthenticatorApp.operator_id == operator.id
    db.session.execute(sa.delete(AuthenticatorApp).where(mine, AuthenticatorApp.confirmed_at.is_(None)))
    sealed = secrets.seal(config.current().secret_key, pyotp.random_base32(), owner=_owner(operator.id))
    app = AuthenticatorApp(operator_id=operator.id, secret_sealed=sealed, created_at=now)
    db.session.add(app)
    db.session.flush()
    return app


def begun(operator: Operator) -> AuthenticatorApp | None:
    """The operator's unconfirmed app, or None."""
    return db.session.scalar(_apps(operator.id).where(AuthenticatorApp.confirmed_at.is_(None)))


def secret(app: AuthenticatorApp) -> str:
    """The shared secret in base32 (RFC 4648); raises Misconfigured if SECRET_KEY has changed."""
    return secrets.open_sealed(config.current().secret_key, app.secret_sealed, owner=_owner(app.operator_id))


def address(app: AuthenticatorApp, *, account: str, site: str) -> str:
    """The otpauth: URI for the QR code. Raises Misconfigured if SECRET_KEY has changed."""
    issuer = site.replace(":", " ").strip() or "Columba"
    return pyotp.TOTP(secret(app)).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(text: str) -> str:
    """A QR code as a data: URI with an SVG image, drawn here so that no other service sees the secret."""
    import segno  # only when needed

    return str(segno.make(text, error="m").svg_data_uri(scale=5, border=3, dark="#000", light="#fff"))


def confirm(app: AuthenticatorApp, code: str, *, now: datetime) -> bool:
    """Confirm the app if the code is right, and delete the operator's other apps; False for a wrong code."""
    step = _step(app, code, now=now)
    if step is None:
        return False
    others = sa.delete(AuthenticatorApp).where(
        AuthenticatorApp.operator_id == app.operator_id, AuthenticatorApp.id != app.id
    )
    db.session.execute(others)
    app.confirmed_at = app.used_at = now
    app.last_step = step
    db.session.flush()
    return True


def accepts(operator_id: int, code: str, *, now: datetime) -> bool:
    """Whether the code is right and was not used before. Commit in both cases: a wrong code is counted.

    Always False while codes are blocked (see `blocked_until`).
    """
    confirmed = _apps(operator_id).where(AuthenticatorApp.confirmed_at.is_not(None))
    app = db.session.scalar(confirmed.with_for_update())  # locked, so that parallel guesses are all counted
    if app is None or (app.blocked_until and app.blocked_until > now):
        return False
    step = _step(app, code, now=now)
    if step is None:
        _count_failure(app, now=now)
        return False
    app.last_step, app.used_at = step, now
    app.failures, app.blocked_until = 0, None
    return True


def blocked_until(operator_id: int, *, now: datetime) -> datetime | None:
    """Until when codes are refused because too many were wrong; None if they are not."""
    app = app_of(operator_id)
    return app.blocked_until if app and app.blocked_until and app.blocked_until > now else None


def remove(operator_id: int) -> bool:
    """Delete the operator's apps; False if there was none."""
    return changed_by(sa.delete(AuthenticatorApp).filter_by(operator_id=operator_id)) > 0


def looks_like_code(typed: str) -> bool:
    """Whether the text is six digits; spaces are ignored."""
    return _CODE.fullmatch(_plain(typed)) is not None


def _step(app: AuthenticatorApp, code: str, *, now: datetime) -> int | None:
    """The time step of the code, at most one off (RFC 6238 section 5.2); None if wrong or not newer than the last."""
    code = _plain(code)
    if not looks_like_code(code):
        return None
    current, generator = int(now.timestamp()) // STEP_S, pyotp.TOTP(secret(app), interval=STEP_S)
    fitting = [
        step
        for step in (current - 1, current, current + 1)
        if strings_equal(generator.generate_otp(step), code) and step > app.last_step
    ]
    return max(fitting, default=None)


def _count_failure(app: AuthenticatorApp, *, now: datetime) -> None:
    app.failures += 1
    if app.failures % TRIES == 0:
        doublings = min(app.failures // TRIES - 1, 10)
        app.blocked_until = now + min(BLOCKED_FOR * 2**doublings, BLOCKED_AT_MOST)


def _apps(operator_id: int) -> sa.Select[AuthenticatorApp]:
    return sa.select(AuthenticatorApp).filter_by(operator_id=operator_id)


def _plain(typed: str) -> str:
    return "".join(typed.split())


def _owner(operator_id: int) -> str:
    return f"authenticator:{operator_id}"
