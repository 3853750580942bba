"""What all pages share: headers, error pages, template filters and globals, navigation."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    has_request_context,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import format_decimal, format_percent, format_timedelta, get_locale
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from campaigns import page_parts
from campaigns.accounts import policy
from campaigns.accounts.policy import Action
from campaigns.bootstrap import terminal_language
from campaigns.core import clock, errors, page_policy, statuses
from campaigns.core.db import begin_by_reading, begin_by_writing, db
from campaigns.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, _, datetime_text, language_of, number_text
from campaigns.form_page import TOO_LARGE, form_page
from campaigns.navigation import navigation
from campaigns.settings import queries as settings_queries

STATUS_OF = {
    errors.NotFound: 404,
    errors.Forbidden: 403,
    errors.Conflict: 409,
    errors.Invalid: 422,
    errors.Misconfigured: 409,
}


def init_app(app: Flask) -> None:
    """Attach headers, error pages, filters and template globals to the app."""
    app.before_request(_refuse_zero_bytes)
    app.before_request(_choose_transaction)
    app.before_request(_refuse_unguarded)
    app.after_request(_add_headers)
    app.register_error_handler(errors.DomainError, _domain_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(Exception, _unexpected)
    app.jinja_env.filters.update(
        datetime=datetime_text,
        relative=relative_text,
        number=number_text,
        percent=percent_text,
        hundredths=hundredths_text,
        bytes=bytes_text,
    )
    app.jinja_env.globals.update(
        status_label=lambda word: str(statuses.label(word)),
        asset=asset,
        can=_can,
        Action=Action,
        LANGUAGES=LANGUAGES,
    )
    page_parts.init_app(app)
    app.context_processor(_context)


def locale() -> str:
    """The language of this request: the operator's, else the browser's; for a command, the terminal's."""
    if not has_request_context():
        return terminal_language()
    if current_user and current_user.is_authenticated:
        return str(current_user.language)
    for tag, _quality in request.accept_languages:
        if language := language_of(tag):
            return language
    return DEFAULT_LANGUAGE


def time_zone() -> str:
    """The time zone of displayed times: the operator's, else the site's."""
    if has_request_context() and current_user and current_user.is_authenticated:
        return str(current_user.time_zone)
    return settings_queries.site().time_zone


# -- before and after each request


def _refuse_zero_bytes() -> None:
    """PostgreSQL rejects text with NUL, and no URL of the app has one."""
    if "\0" in request.path:
        abort(404)
    if any("\0" in value for _name, value in request.args.items(multi=True)):
        abort(400)


def _choose_transaction() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    reads = request.method in ("GET", "HEAD", "OPTIONS") and not getattr(view, "writes", False)
    (begin_by_reading if reads else begin_by_writing)()


def _refuse_unguarded() -> Response | None:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or hasattr(view, "guard"):
        return None
    raise RuntimeError(f"{request.endpoint} does not say whom it lets in")


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", page_policy.text())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    elif request.path.startswith("/static/dist/"):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


# -- errors as pages


def _domain_error(error: errors.DomainError) -> tuple[Any, int]:
    db.session.rollback()
    status = next(code for kind, code in STATUS_OF.items() if isinstance(error, kind))
    return _error_page(status, str(error))


def _csrf_error(_error: CSRFError) -> tuple[Any, int]:
    return _error_page(400, _("This page has expired. Go back, reload it and submit it again."))


def _http_error(error: HTTPException) -> Any:
    if error.response is not None or (error.code or 500) < 400:
        return error
    if page := _form_again(error.code):
        return redirect(page, 303)
    sentences = {
        400: _("The request was invalid."),
        403: _("You don't have access to this page."),
        404: _("Page not found."),
        405: _("Method not allowed."),
        413: TOO_LARGE,
        429: _("Too many requests. Wait a few minutes and try again."),
    }
    return _error_page(error.code or 500, sentences.get(error.code or 500, error.description))


def _form_again(code: int | None) -> str | None:
    """The page of the form, if a browser is better off there than on an error page."""
    if _wants_json():
        return None
    if code == 405 and request.method in ("GET", "HEAD"):
        return form_page()
    if code == 413 and current_user.is_authenticated:
        flash(TOO_LARGE, "error")
        return form_page()
    return None


def _database_away(error: OperationalError) -> tuple[Any, int]:
    db.session.rollback()
    return _logged(error, 503, _("The database is busy or unavailable. Try again in a moment."))


def _unexpected(error: Exception) -> tuple[Any, int]:
    db.session.rollback()
    return _logged(error, 500, _("An unexpected error occurred. Your saved data is safe."))


def _logged(error: Exception, status: int, sentence: Any) -> tuple[Any, int]:
    reference = secrets.token_hex(4)
    current_app.logger.error("%s %s %s", reference, request.method, _place(), exc_info=error)
    return _error_page(status, sentence, reference=reference)


def _place() -> str:
    """The request's URL as a route pattern with row ids; other parts may be secrets."""
    if request.url_rule is None:
        return "an address of no page"
    numbers = {name: value for name, value in (request.view_args or {}).items() if isinstance(value, int)}
    return " ".join([request.url_rule.rule, *(f"{name}={value}" for name, value in numbers.items())])


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _error_page(status: int, sentence: Any, *, reference: str | None = None) -> tuple[Any, int]:
    if _wants_json():
        return jsonify(error=str(sentence), reference=reference), status
    facts = {"status": status, "sentence": sentence, "reference": reference}
    try:
        if _is_at_work(status):
            return render_template("errors/framed.html", **facts), status
        return render_template(
            "errors/error.html", **facts, leads_home=status >= 500 and not _is_of_readers()
        ), status
    except OperationalError:  # even the error page needs the database: answer in plain text
        return Response(f"{sentence}\n", mimetype="text/plain"), status


def _is_at_work(status: int) -> bool:
    """Whether to use the app's layout: an operator is signed in, and the app itself is not broken."""
    return status < 500 and not _is_of_readers() and bool(current_user and current_user.is_authenticated)


def _is_of_readers() -> bool:
    return request.blueprint in ("public", "signup")


# -- filters and globals for templates


def relative_text(moment: datetime | None) -> str:
    """A moment relative to now: "3 minutes ago", "in 2 hours"."""
    if moment is None:
        return ""
    away = moment - clock.now()
    return (
        str(_("just now"))
        if abs(away) < timedelta(seconds=5)
        else str(format_timedelta(away, add_direction=True))
    )


def percent_text(part: float | None, whole: float | None = 1) -> str:
    """A percentage with one decimal, like 28.6%; a dash if the base is zero or unknown."""
    if part is None or not whole:
        return "–"
    return str(format_percent(part / whole, "#,##0.0%"))


def hundredths_text(part: float, whole: float) -> str:
    """A small percentage with two decimals, like 0.08%; a dash if the base is zero."""
    return str(format_percent(part / whole, "#,##0.00%")) if whole else "–"


def bytes_text(size: int | None) -> str:
    """A size in KB or MB."""
    if size is None:
        return ""
    for unit, factor in (("MB", 1_000_000), ("KB", 1_000)):
        if size >= factor:
            return f"{format_decimal(round(size / factor, 1))} {unit}"
    return f"{size} B"


def asset(name: str) -> str:
    """The URL of a built file, given its name without hash."""
    manifest = _manifest(Path(current_app.static_folder or "") / "dist" / "manifest.json")
    return url_for("static", filename=f"dist/{manifest.get(name, name)}")


@lru_cache(maxsize=4)
def _manifest(path: Path) -> dict[str, str]:
    return json.loads(path.read_text()) if path.exists() else {}


def _can(action: str) -> bool:
    if not current_user or not current_user.is_authenticated:
        return False
    return policy.can(current_user.operator, Action(action))


def _context() -> dict[str, Any]:
    return {
        "lang": str(get_locale() or DEFAULT_LANGUAGE).split("_")[0],
        "site": settings_queries.site(),
        "navigation": navigation(),
        "zone_name": g.get("zone_name") or time_zone(),
        "now": clock.now(),
    }
