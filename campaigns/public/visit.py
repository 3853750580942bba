"""What a public request tells about its visitor, and headers of every public response."""

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
AFTER_A_LINK = ".,;:!?)]>\"'"  # what mail clients include in a link by mistake
PATIENCE_MS = 500  # how long a reader waits for another writer of the database

# SQLite has one writer, and others poll; here they queue instead.
_turn = Lock()


def visitor() -> Visitor:
    """User agent, address and stated purpose of this request."""
    return Visitor(
        agent=request.headers.get("User-Agent", "")[:300],
        ip=request.remote_addr or "",
        purpose=" ".join(request.headers.get(name, "") for name in PURPOSE_HEADERS).strip(),
    )


def number_of(token: str, purpose: Purpose) -> int | None:
    """The delivery id in a token; 0 for a test message; None for a forged token."""
    return signing.read(settings_queries.link_key(), purpose, token.rstrip(AFTER_A_LINK))


def letter_of(token: str, purpose: Purpose) -> Letter | None:
    """The message of a token; None for a forged one, a test message or a deleted campaign."""
    number = number_of(token, purpose)
    return queries.letter(number) if number else None


def write_down(act: Act) -> None:
    """Record a reader's action, in the database if it can be written at once, else in a file until then.

    Ends the reading transaction: SQLite cannot turn it into a writing one. Raises OperationalError when
    neither the database nor the disk can be written.
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
    """Record an open or a click if possible: the pixel and the link work in any case.

    Skips what a network or a token repeats without end.
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
    """One writer of this process at a time, because SQLite has only one."""
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
    """Add headers: no caching, no referrer, and no indexing where nobody said otherwise."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")
    return response
