"""Access control of routes: each route declares who may use it, by `allow(Action…)` or `anyone`.

`web.py` refuses a route that declares neither, so a forgotten guard denies access.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from flask import (
    Flask,
    Response,
    current_app,
    has_request_context,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_limiter import RequestLimit
from flask_login import LoginManager, current_user, login_user, logout_user
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.exc import OperationalError

from campaigns.accounts import audit, policy, sessions
from campaigns.accounts.models import Operator
from campaigns.accounts.policy import Action
from campaigns.audit import services as audit_services
from campaigns.audit.services import View as AuditView
from campaigns.core import acting, addresses, clock, config, signing
from campaigns.core.acting import Actor
from campaigns.core.db import begin_by_reading, begin_by_writing, db, impatient
from campaigns.core.errors import Forbidden
from campaigns.core.i18n import _
from campaigns.core.limits import limiter, network

View = TypeVar("View", bound=Callable[..., Any])

PATIENCE_MS = 500  # how long a page waits for its audit entry to be written
KNOWN_FOR = timedelta(days=180)  # how long a browser that has signed in counts as known

login_manager = LoginManager()
login_manager.login_view = "accounts.sign_in"
login_manager.login_message = _("Sign in to view this page.")
login_manager.login_message_category = "info"
login_manager.session_protection = None  # `operator_session` checks sessions


class SignedIn:
    """Flask-Login's user: an operator and the secret of this browser's session.

    `must_set_up`: the session may only set up a second factor.
    """

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, operator: Operator, secret: str, *, must_set_up: bool = False) -> None:
        self.operator = operator
        self.secret = secret
        self.must_set_up = must_set_up

    def get_id(self) -> str:
        return self.secret

    def __getattr__(self, name: str) -> Any:
        return getattr(self.operator, name)


def init_app(app: Flask) -> None:
    """Attach Flask-Login and the source of the acting operator to the app."""
    login_manager.init_app(app)
    acting.attach(app, who_acts)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load(secret: str) -> SignedIn | None:
    now = clock.now()
    found = sessions.find(secret, now=now)
    if found is None:
        return None
    operator, must_set_up = found.operator, found.must_set_up
    if now - found.seen_at >= sessions.SEEN_GRAIN:
        begin_by_writing()
        db.session.commit()  # end the read transaction: SQLite can't turn it into a write transaction
        sessions.touch(found, now=now)
        db.session.commit()
        if request.method in ("GET", "HEAD"):
            begin_by_reading()
    return SignedIn(operator, secret, must_set_up=must_set_up)


def operator() -> Operator:
    """The operator of this request. Only for routes guarded by `allow`."""
    return cast(SignedIn, current_user).operator


def who_acts() -> Actor:
    """The actor of this request for the audit log; the app itself outside of requests."""
    if not has_request_context():
        return Actor()
    ip = request.remote_addr or ""
    if not current_user or not current_user.is_authenticated:
        return Actor(ip=ip)
    return Actor(operator().email, operator().id, ip)


@contextmanager
def reading_on_record() -> Iterator[None]:
    """Commit audit entries made in this block before the data is read. Only for requests that write nothing else."""
    db.session.commit()  # SQLite can't turn a read transaction into a write transaction
    begin_by_writing()
    yield
    db.session.commit()
    if request.method in ("GET", "HEAD"):
        begin_by_reading()
    db.session.refresh(
        operator()
    )  # a streamed response reads the operator's language after the session is closed


def note_view(view: AuditView) -> None:
    """Record that the acting operator views this personal data, at most once an hour.

    If another writer holds the database for more than PATIENCE_MS, the page is shown without an entry, and the
    process log gets a warning.
    """
    now = clock.now()
    try:
        if audit_services.is_news(view, now=now):
            with impatient(PATIENCE_MS), reading_on_record():
                audit_services.record_view(view, now=now)
    except OperationalError:
        db.session.rollback()
        begin_by_reading()
        current_app.logger.warning("Not on the audit log, the database is busy: %s %s", who_acts().name, view)


def session_secret() -> str:
    """The secret of this browser's session. Only for routes guarded by `allow`."""
    return cast(SignedIn, current_user).secret


def sign_in(who: Operator, secret: str) -> None:
    """Put the session's secret into a cleared cookie: nothing from before the sign-in is kept."""
    session.clear()
    session.permanent = True
    login_user(SignedIn(who, secret))


def sign_out() -> None:
    """Clear the cookie; the session's row is the caller's to delete."""
    logout_user()
    session.clear()


def allow(action: Action) -> Callable[[View], View]:
    """Decorator: lets in operators whose role permits the action.

    Others are redirected to the sign-in page, or get Forbidden (403) if signed in, with an audit entry.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated:
                return login_manager.unauthorized()
            if current_user.must_set_up and not getattr(view, "is_set_up", False):
                return redirect(url_for("accounts.set_up"), 303)
            if not policy.can(operator(), action):
                _note_refusal()
                raise Forbidden(_("Your role doesn't allow this. Ask an admin for access."))
            return view(*args, **kwargs)

        guarded.guard = action  # type: ignore[attr-defined]
        return cast(View, guarded)

    return guard


def anyone(view: View) -> View:
    """Decorator: the route is open to everyone, signed in or not."""
    view.guard = "anyone"  # type: ignore[attr-defined]
    return view


def sets_up(view: View) -> View:
    """Decorator: the route is also open to operators who must set up a second factor first."""
    view.is_set_up = True  # type: ignore[attr-defined]
    return view


def frame() -> str:
    """The layout template for this operator: without navigation if a second factor must be set up first."""
    return "accounts/layout.html" if current_user.must_set_up else "layout.html"


def writes(view: View) -> View:
    """Decorator: the GET route changes data, so its transaction begins as a write transaction."""
    view.writes = True  # type: ignore[attr-defined]
    return view


def limited_sign_in(view: View) -> View:
    """Decorator: 429 after 5 failures in 15 minutes per account and place, 20 per network, or 50 an hour per account.

    A place is a network, or a browser that has signed in to the account before. So guesses from elsewhere do not
    lock operators out of the browsers they use.
    """
    limits = (
        ("5 per 15 minutes", _account_and_place, None),
        ("20 per 15 minutes", network, None),
        ("50 per hour", _account, _is_known_browser),
    )
    view = _counted_if_failed(view)
    for rate, key, exempt in limits:
        limit = limiter.limit(rate, key_func=key, methods=["POST"], exempt_when=exempt, on_breach=_too_often)
        view = cast(View, limit(view))
    return view


def limited_second_step(view: View) -> View:
    """Decorator: 429 after 20 failures in 15 minutes per network. Wrong codes are also counted per account."""
    limit = limiter.limit("20 per 15 minutes", key_func=network, methods=["POST"], on_breach=_too_often)
    return cast(View, limit(_counted_if_failed(view)))


def own_path(wanted: str | None, *, otherwise: str = "/") -> str:
    """The requested path if it is on this site, else `otherwise`: prevents open redirects."""
    wanted = wanted or ""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else otherwise


def remember_browser(response: Response, who: Operator) -> Response:
    """Set the cookie that marks this browser as known for the account. Call it only after a sign-in."""
    value = _browser_signer().dumps([_account(who.email), secrets.token_hex(8)])
    response.set_cookie(
        _browser_cookie(),
        value,
        max_age=KNOWN_FOR,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def limited_reset(view: View) -> View:
    """Decorator: 429 after 3 requests for a reset link an hour per address, or 20 per network."""
    for rate, key in (("3 per hour", _account), ("20 per hour", network)):
        limit = limiter.limit(rate, key_func=key, methods=["POST"], on_breach=_too_often)
        view = cast(View, limit(view))
    return view


def _account(typed: str | None = None) -> str:
    """The account's key in rate limits: a hash, so that Redis holds no addresses."""
    typed = (request.form.get("email", "") if typed is None else typed)[:1000].strip()
    try:
        typed = addresses.normalise(typed)
    except (addresses.BadAddress, UnicodeError):
        typed = typed.casefold()
    return signing.secret_hash(typed)[:32]


def _note_refusal() -> None:
    place, now = f"{request.method} {request.endpoint}", clock.now()
    if audit.is_refusal_news(operator(), place, now=now):
        with reading_on_record():
            audit.record_refusal(place, now=now)


def _account_and_place() -> str:
    return f"{_account()} {_known_browser() or network()}"


def _is_known_browser() -> bool:
    return _known_browser() is not None


def _known_browser() -> str | None:
    """The random name of this browser if it has signed in to the account that was typed; else None."""
    try:
        account, name = _browser_signer().loads(
            request.cookies.get(_browser_cookie(), ""), max_age=int(KNOWN_FOR.total_seconds())
        )
    except (BadData, ValueError, TypeError):
        return None
    return str(name) if account == _account() else None


def _browser_signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(config.current().secret_key, salt="known browser")


def _browser_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-known"


def _counted_if_failed(view: View) -> View:
    """Count each attempt before it runs, so that parallel ones cannot pass the limit; undo it unless it failed (401)."""

    @wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        response = make_response(view(*args, **kwargs))
        if response.status_code != 401:
            for each in limiter.current_limits:
                limiter.limiter.hit(each.limit, *each.request_args, cost=-1)
        return response

    return cast(View, counted)


def _too_often(_limit: RequestLimit) -> Response:
    page = render_template("accounts/too_often.html", forgotten=request.endpoint == "accounts.forgotten")
    return make_response(page, 429)


__all__ = [
    "Action",
    "allow",
    "anyone",
    "frame",
    "limited_reset",
    "limited_second_step",
    "limited_sign_in",
    "operator",
    "own_path",
    "remember_browser",
    "session_secret",
    "sets_up",
    "sign_in",
    "sign_out",
    "writes",
]
