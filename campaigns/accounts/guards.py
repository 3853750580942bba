"""The door's guards: every route says whom it lets in, `allow(Action…)` or `anyone`.

`web.py` refuses a route that says nothing, so a forgotten guard is a closed door.
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

PATIENCE_MS = 500  # as long as a page waits to be put on record
KNOWN_FOR = timedelta(days=180)  # a browser that has signed in

login_manager = LoginManager()
login_manager.login_view = "accounts.sign_in"
login_manager.login_message = _("Sign in to view this page.")
login_manager.login_message_category = "info"
login_manager.session_protection = None  # sessions live in our table, which knows more than a cookie


class SignedIn:
    """What Flask-Login holds: an operator together with the secret of this browser's session.

    `must_set_up`: nothing but setting up a second factor is open to it.
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
    """Attach the sign-in machinery to the app."""
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
        db.session.commit()  # end the reading transaction: SQLite can't turn it into a writing one
        sessions.touch(found, now=now)
        db.session.commit()
        if request.method in ("GET", "HEAD"):
            begin_by_reading()
    return SignedIn(operator, secret, must_set_up=must_set_up)


def operator() -> Operator:
    """The operator of this request; only behind `allow`."""
    return cast(SignedIn, current_user).operator


def who_acts() -> Actor:
    """Who makes this request, for the audit log; the app itself where there is none."""
    if not has_request_context():
        return Actor()
    ip = request.remote_addr or ""
    if not current_user or not current_user.is_authenticated:
        return Actor(ip=ip)
    return Actor(operator().email, operator().id, ip)


@contextmanager
def reading_on_record() -> Iterator[None]:
    """What is recorded in here is kept before any of it is read; for requests that write nothing else."""
    db.session.commit()  # SQLite can't turn a reading transaction into a writing one
    begin_by_writing()
    yield
    db.session.commit()
    if request.method in ("GET", "HEAD"):
        begin_by_reading()
    db.session.refresh(
        operator()
    )  # an answer that is streamed asks for their language when the session is gone


def note_view(view: AuditView) -> None:
    """Put on record what the page shows of people. While a writer holds the database the page is shown anyway,
    and the log of the process says so."""
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
    """The secret of this browser's session; only behind `allow`."""
    return cast(SignedIn, current_user).secret


def sign_in(who: Operator, secret: str) -> None:
    """Put a fresh session into the cookie; whatever was there before is dropped."""
    session.clear()
    session.permanent = True
    login_user(SignedIn(who, secret))


def sign_out() -> None:
    """Drop the session from the cookie."""
    logout_user()
    session.clear()


def allow(action: Action) -> Callable[[View], View]:
    """Let in signed-in operators who may do that; others get the sign-in page or a 403."""

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
    """Say on purpose that a route is for anybody, signed in or not."""
    view.guard = "anyone"  # type: ignore[attr-defined]
    return view


def sets_up(view: View) -> View:
    """Open the route also to who must set up a second factor first."""
    view.is_set_up = True  # type: ignore[attr-defined]
    return view


def frame() -> str:
    """The layout of a page of this operator: who must set up a second factor first can go nowhere, and gets no bar."""
    return "accounts/layout.html" if current_user.must_set_up else "layout.html"


def writes(view: View) -> View:
    """Mark a GET route that changes data, so that its transaction begins as a writing one."""
    view.writes = True  # type: ignore[attr-defined]
    return view


def limited_sign_in(view: View) -> View:
    """Refuse more than 5 failures in 15 minutes per account and place, 20 per network, 50 an hour per account.

    A place is a network, or a browser that has signed in to the account before: guesses from elsewhere
    lock nobody out of the browser they work in.
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
    """Refuse more than 20 failures in 15 minutes per network; each account counts its wrong codes besides."""
    limit = limiter.limit("20 per 15 minutes", key_func=network, methods=["POST"], on_breach=_too_often)
    return cast(View, limit(_counted_if_failed(view)))


def own_path(wanted: str | None, *, otherwise: str = "/") -> str:
    """Where somebody wanted to go: a path of ours, never another site."""
    wanted = wanted or ""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else otherwise


def remember_browser(response: Response, who: Operator) -> Response:
    """Mark the browser as one that has signed in to this account; only after it has."""
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
    """Refuse more than 3 reset mails an hour per address, 20 per network."""
    for rate, key in (("3 per hour", _account), ("20 per hour", network)):
        limit = limiter.limit(rate, key_func=key, methods=["POST"], on_breach=_too_often)
        view = cast(View, limit(view))
    return view


def _account(typed: str | None = None) -> str:
    """Whose account is tried, without writing the address into Redis."""
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
    """The name of this browser if it has signed in to the account that is typed."""
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
    """Each attempt is counted as it begins, so that many at once get no more; one that does not fail is given back."""

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
