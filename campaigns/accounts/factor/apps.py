"""Authenticator apps: six digits that change every 30 seconds (TOTP, RFC 6238). Each code is accepted once."""

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
TRIES = 5  # wrong codes, after which none is looked at for a while
BLOCKED_FOR = timedelta(minutes=15)  # twice as long after each further five
BLOCKED_AT_MOST = timedelta(days=1)
_CODE = re.compile(r"[0-9]{6}")


def app_of(operator_id: int) -> AuthenticatorApp | None:
    """The operator's app, confirmed; None without one."""
    return db.session.scalar(_apps(operator_id).where(AuthenticatorApp.confirmed_at.is_not(None)))


def begin(operator: Operator, *, now: datetime) -> AuthenticatorApp:
    """An app with a fresh secret, which `confirm` makes the operator's; another one begun before is forgotten."""
    mine = AuthenticatorApp.operator_id == operator.id
    db.session.execute(sa.delete(AuthenticatorApp).where(mine, AuthenticatorApp.confirmed_at.is_(None)))
    sealed = secrets.seal(config.current().secret_key, pyotp.random_base32(), owner=_owner(operator.id))
    app = AuthenticatorApp(operator_id=operator.id, secret_sealed=sealed, created_at=now)
    db.session.add(app)
    db.session.flush()
    return app


def begun(operator: Operator) -> AuthenticatorApp | None:
    """The app that waits for its first code."""
    return db.session.scalar(_apps(operator.id).where(AuthenticatorApp.confirmed_at.is_(None)))


def secret(app: AuthenticatorApp) -> str:
    """What is typed into the app, in base 32; raises Misconfigured when SECRET_KEY has changed."""
    return secrets.open_sealed(config.current().secret_key, app.secret_sealed, owner=_owner(app.operator_id))


def address(app: AuthenticatorApp, *, account: str, site: str) -> str:
    """The otpauth: address that a QR code shows to the app."""
    issuer = site.replace(":", " ").strip() or "Columba"
    return pyotp.TOTP(secret(app)).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(text: str) -> str:
    """A QR code as a data: address of an SVG image: drawn here, shown to nobody else."""
    import segno  # for the few requests that show one

    return str(segno.make(text, error="m").svg_data_uri(scale=5, border=3, dark="#000", light="#fff"))


def confirm(app: AuthenticatorApp, code: str, *, now: datetime) -> bool:
    """Make it the operator's app, in the place of the one before, if the code shows that it has the secret."""
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
    """Whether the code is right and new; a wrong one is counted: commit, whatever the answer.

    None is looked at while `blocked_until` says so.
    """
    confirmed = _apps(operator_id).where(AuthenticatorApp.confirmed_at.is_not(None))
    app = db.session.scalar(confirmed.with_for_update())  # guesses at once are counted one after another
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
    """Until when no code is looked at, because too many were wrong."""
    app = app_of(operator_id)
    return app.blocked_until if app and app.blocked_until and app.blocked_until > now else None


def remove(operator_id: int) -> bool:
    """Forget the operator's app; whether there was one."""
    return changed_by(sa.delete(AuthenticatorApp).filter_by(operator_id=operator_id)) > 0


def looks_like_code(typed: str) -> bool:
    """Whether that is six digits, as an app shows them; spaces between them do not matter."""
    return _CODE.fullmatch(_plain(typed)) is not None


def _step(app: AuthenticatorApp, code: str, *, now: datetime) -> int | None:
    """The time step whose code that is: this one, the one before or the next, if it is not used up."""
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
