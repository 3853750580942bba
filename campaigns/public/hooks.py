"""The doors of programs: events of email providers, and alerts of monitoring.

There is no sign-in and no CSRF token: a secret stands in the URL, and most providers sign what they send. A request
is verified before it is read, stored, and answered at once; a worker does the rest.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import RequestEntityTooLarge

from campaigns.accounts.guards import anyone
from campaigns.core import clock, config, queue
from campaigns.core.db import begin_by_reading, begin_by_writing, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.limits import limiter, network
from campaigns.inbound.hooks import keeping, receiving
from campaigns.inbound.hooks.alerts import intake
from campaigns.inbound.hooks.fetching import Certificates
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.providers import sns
from campaigns.inbound.hooks.receiving import Answer
from campaigns.notices import services as notices_services

bp = Blueprint("hook_doors", __name__)
bp.csrf_exempt = True  # type: ignore[attr-defined]

REFUSALS = "60 per minute"  # of one network; who is not refused is never counted
ALERTS = "600 per minute"  # of one source
CERTIFICATES = "sns_certificates"


def _is_refused(response: Response) -> bool:
    return response.status_code in (403, 404)


def _token() -> str:
    return str((request.view_args or {}).get("token", ""))


@bp.get("/hooks/<kind>/<token>")
@anyone
def explain(kind: str, token: str) -> str:
    """What the address is for, the same for every token."""
    if kind not in {*Provider, "alerts"}:
        raise NotFound(_("Page not found."))
    label = Provider(kind).label if kind in set(Provider) else None
    return render_template("public/hook.html", provider=label)


@bp.post("/hooks/<kind>/<token>")
@limiter.limit(REFUSALS, key_func=network, deduct_when=_is_refused)
@anyone
def take_events(kind: str, token: str) -> Response:
    """Verify, store, and let a worker apply it."""
    body = _body(receiving.LARGEST_BODY)
    begin_by_reading()
    who = receiving.listener(kind, token)
    db.session.rollback()  # nothing is held while a signature is verified
    if who is None:
        return _said(404)
    if not receiving.is_theirs(who, _headers(), body, now=clock.now(), certificates=_certificates()):
        return _said(403)
    begin_by_writing()
    answer = receiving.take(who, body, now=clock.now())
    db.session.commit()
    if answer is Answer.TAKEN:
        queue.enqueue(keeping.APPLY)
    return _said(403 if answer is Answer.REFUSED else 200)


@bp.post("/hooks/alerts/<token>")
@limiter.limit(ALERTS, key_func=_token)
@limiter.limit(REFUSALS, key_func=network, deduct_when=_is_refused)
@anyone
def take_alerts(token: str) -> Response:
    """Store what fires, and mail the team at once."""
    body = _body(intake.LARGEST_BODY)
    begin_by_reading()
    source_id = intake.source_id(token)
    db.session.rollback()
    if source_id is None:
        return _said(404)
    begin_by_writing()
    posted = intake.take(source_id, body, now=clock.now())
    db.session.commit()
    queue.enqueue_each(notices_services.JOB, posted)
    return _said(200)


@bp.after_request
def _keep_private(answer: Response) -> Response:
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> Response:
    return _said(413)


@bp.errorhandler(intake.Unreadable)
def _unreadable(_error: intake.Unreadable) -> Response:
    db.session.rollback()
    return _said(400)


@bp.errorhandler(OperationalError)
@bp.errorhandler(OSError)
def _later(error: Exception) -> Response:
    """The database, or the host with the certificate, is away: whoever asked tries again."""
    db.session.rollback()
    current_app.logger.warning("A webhook has to wait: %s", type(error).__name__)
    return _said(503)


def _said(status: int) -> Response:
    return Response("", status=status, mimetype="text/plain")


def _body(largest: int) -> bytes:
    request.max_content_length = largest
    return request.get_data(cache=False)


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _certificates() -> sns.Certificates:
    """Those of Amazon, kept for the life of the process."""
    kept: dict[str, Any] = current_app.extensions
    hosts = config.current().internal_hosts.without_others()
    found: sns.Certificates = kept.setdefault(CERTIFICATES, Certificates(hosts))
    return found
