"""What a public request tells of itself, and what every public answer says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock

from flask import Response, current_app, request
from sqlalchemy.exc import OperationalError

from campaigns.core import signing
from campaigns.core.db import begin_by_writing, db
from campaigns.core.dialect import is_sqlite
from campaigns.core.signing import Purpose
from campaigns.settings import queries as settings_queries
from campaigns.tracking import queries
from campaigns.tracking.queries import Letter
from campaigns.tracking.services import Visitor

PURPOSE_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
AFTER_A_LINK = ".,;:!?)]>\"'"  # what mail programs take for a part of the link

# SQLite lets one writer in and has the others sleep and ask again; here they queue and take turns.
_turn = Lock()


def visitor() -> Visitor:
    """Agent, address and stated purpose of this request."""
    return Visitor(
        agent=request.headers.get("User-Agent", "")[:300],
        ip=request.remote_addr or "",
        purpose=" ".join(request.headers.get(name, "") for name in PURPOSE_HEADERS).strip(),
    )


def number_of(token: str, purpose: Purpose) -> int | None:
    """The mail a token was made for; 0 is a test mail; None when the token is not ours."""
    return signing.read(settings_queries.link_key(), purpose, token.rstrip(AFTER_A_LINK))


def letter_of(token: str, purpose: Purpose) -> Letter | None:
    """The mail behind a token; None for a forged one, a test mail, and a campaign that was deleted."""
    number = number_of(token, purpose)
    return queries.letter(number) if number else None


def write_down(record: Callable[[], object]) -> bool:
    """Record and commit, if the database takes it: a reader's link works while it is busy.

    What was read before is let go: SQLite can't turn a reading transaction into a writing one.
    """
    try:
        db.session.commit()
        begin_by_writing()
        with _one_writer():
            record()
            db.session.commit()
    except OperationalError as error:
        db.session.rollback()
        current_app.logger.warning("An event is lost, the database did not take it: %s", error.orig)
        return False
    return True


def _one_writer() -> AbstractContextManager[object]:
    return _turn if is_sqlite() else nullcontext()


def harden(response: Response) -> Response:
    """Nothing to keep, nothing to index, nothing to tell the next site."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
