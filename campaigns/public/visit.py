"""What a public request tells of itself, and what every public answer says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from flask import Response, current_app, request
from sqlalchemy.exc import OperationalError

from campaigns.core import signing
from campaigns.core.db import begin_by_reading, begin_by_writing, db, impatient
from campaigns.core.dialect import is_sqlite
from campaigns.core.signing import Purpose
from campaigns.public import later, pace
from campaigns.settings import queries as settings_queries
from campaigns.tracking import queries, services, waiting
from campaigns.tracking.queries import Letter
from campaigns.tracking.services import Visitor
from campaigns.tracking.waiting import Act

PURPOSE_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
AFTER_A_LINK = ".,;:!?)]>\"'"  # what mail programs take for a part of the link
PATIENCE_MS = 500  # as long as a reader waits for a writer of the database

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


def write_down(act: Act) -> None:
    """Record what a reader did, in the database if it takes it at once, else in a file until it does.

    What was read before is let go: SQLite can't turn a reading transaction into a writing one. Raises
    OperationalError when neither the database nor the disk takes it.
    """
    if later.is_at_work():
        db.session.rollback()
        _keep(act, OperationalError("a writer to end", None, TimeoutError("others wait already")))
        return
    try:
        db.session.commit()
        begin_by_writing()
        with impatient(PATIENCE_MS), _one_writer():
            waiting.record(act)
            db.session.commit()
    except OperationalError as error:
        db.session.rollback()
        _keep(act, error)
    finally:
        begin_by_reading()


def note(act: Act) -> None:
    """Record an open or a click, if that can be: the picture and the link work whatever happens.

    Not what a network or one token repeats without end.
    """
    if not pace.is_within(act.visitor.ip):
        return
    with suppress(OperationalError):
        if not services.is_repeat(
            act.delivery_id, act.kind, act.visitor, at=act.at, link_number=act.link_number
        ):
            write_down(act)


def _keep(act: Act, error: OperationalError) -> None:
    try:
        waiting.keep(act)
    except OSError:
        current_app.logger.exception("What a reader did is lost: neither the database nor the disk took it")
        raise error from None
    later.write_down()


@contextmanager
def _one_writer() -> Iterator[None]:
    """A turn of this process's writers, for SQLite has one writer at a time."""
    if not is_sqlite():
        yield
        return
    if not _turn.acquire(timeout=PATIENCE_MS / 1000):
        raise OperationalError("a turn to write", None, TimeoutError("other readers' writing takes too long"))
    try:
        yield
    finally:
        _turn.release()


def harden(response: Response) -> Response:
    """Nothing to keep, nothing to index, nothing to tell the next site."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
