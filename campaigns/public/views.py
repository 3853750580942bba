"""Public endpoints: open pixel, links, unsubscribing, preferences, the message as a page.

There is no sign-in and no cookie here. Mail clients have no CSRF token, so the whole blueprint is exempt:
what a request may do is in its token, signed for one purpose and one message.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from sqlalchemy.exc import OperationalError

from campaigns.accounts.guards import anyone
from campaigns.content.compiled import links
from campaigns.core import clock
from campaigns.core import health as vitals
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.signing import Purpose
from campaigns.public import later
from campaigns.public.visit import AFTER_A_LINK, harden, note, number_of, visitor
from campaigns.tracking import queries
from campaigns.tracking.models import Kind
from campaigns.tracking.waiting import Act

bp = Blueprint("public", __name__)
bp.csrf_exempt = True  # type: ignore[attr-defined]
bp.before_request(later.see_to_it)
bp.after_request(harden)

LONGEST_NUMBER = 6  # digits; no message has a million links
PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)


@bp.get("/o/<token>.gif")
@anyone
def open(token: str) -> Response:
    """Always the pixel; a forged token or an unavailable database changes nothing for the reader."""
    try:
        delivery_id = number_of(token, Purpose.TRACK)
    except OperationalError:
        db.session.rollback()
        delivery_id = None
    if delivery_id and request.method == "GET":
        note(Act(Kind.OPEN, delivery_id, clock.now(), visitor()))
    return Response(PIXEL, mimetype="image/gif")


@bp.get("/c/<token>/<number>")
@anyone
def click(token: str, number: str) -> Any:
    """Redirect to the link's target: only a stored URL, never one from the request."""
    delivery_id = number_of(token, Purpose.TRACK)
    wanted = _link_number(number)
    stored = queries.link(delivery_id, wanted) if delivery_id and wanted else None
    target = links.destination(*stored) if stored else None
    if not target or not delivery_id:
        raise NotFound(_("This link isn't valid. Open the email again and use the link in it."))
    if request.method == "GET":
        note(Act(Kind.CLICK, delivery_id, clock.now(), visitor(), link_number=wanted))
    return redirect(target, 302)


@bp.get("/health")
@anyone
def health() -> tuple[Response, int]:
    """Whether all parts respond; for load balancers and monitors."""
    found = vitals.check()
    return jsonify(found), 200 if found["database"] == "ok" else 503


@bp.errorhandler(OperationalError)
def database_away(_error: OperationalError) -> Response:
    """A sentence for the reader, because a page would need the database too."""
    db.session.rollback()
    sentence = _("We can't process this right now. Try again in a minute.")
    return harden(Response(f"{sentence}\n", status=503, mimetype="text/plain"))


@bp.errorhandler(NotFound)
def not_found(error: NotFound) -> tuple[str, int]:
    """The same neutral page for forged tokens, unknown numbers and deleted campaigns."""
    return render_template("public/nothing.html", sentence=str(error)), 404


def _link_number(text: str) -> int:
    """The number at the end of a link, from 1; 0 for anything else."""
    digits = text.rstrip(AFTER_A_LINK)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER else 0
