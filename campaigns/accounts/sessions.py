"""Sessions: created at sign-in, looked up at each request, ended by their operator or an admin."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.factor import devices, rules
from campaigns.accounts.models import Operator, OperatorSession
from campaigns.core import signing
from campaigns.core.db import db

IDLE_LIMIT = timedelta(hours=12)
AGE_LIMIT = timedelta(days=7)
# `seen_at` is written at most this often, so that most page views write nothing.
SEEN_GRAIN = timedelta(minutes=5)
# How long a given password or factor counts before it is asked for again.
CONFIRMED_FOR = timedelta(minutes=10)
CONFIRM_TRIES = 5  # wrong answers that end a session


def start(
    operator: Operator, *, ip: str, user_agent: str, now: datetime, device_id: int | None = None
) -> str:
    """Create a session and return its secret, of which only the hash is kept.

    `device_id` is that of a remembered device. The operator's expired sessions are deleted.
    """
    over = sa.or_(OperatorSession.seen_at < now - IDLE_LIMIT, OperatorSession.created_at < now - AGE_LIMIT)
    db.session.execute(sa.delete(OperatorSession).where(OperatorSession.operator_id == operator.id, over))
    secret = secrets.token_urlsafe(32)
    db.session.add(
        OperatorSession(
            secret_hash=signing.secret_hash(secret),
            operator_id=operator.id,
            created_at=now,
            seen_at=now,
            confirmed_at=now,
            must_set_up=rules.must_set_up(operator),
            device_id=device_id,
            ip=ip[:45],
            user_agent=user_agent[:300],
        )
    )
    operator.last_seen_at = now
    db.session.flush()  # the caller may end other sessions in the same transaction
    return secret


def find(secret: str, *, now: datetime) -> OperatorSession | None:
    """The session with this secret; None if there is none, it has expired or its operator is disabled."""
    session = db.session.get(OperatorSession, signing.secret_hash(secret))
    if session is None or session.operator.is_disabled:
        return None
    if now - session.seen_at > IDLE_LIMIT or now - session.created_at > AGE_LIMIT:
        return None
    return session


def touch(session: OperatorSession, *, now: datetime) -> bool:
    """Update the time the session was last used; False if it was updated less than SEEN_GRAIN ago."""
    if now - session.seen_at < SEEN_GRAIN:
        return False
    session.seen_at = now
    session.operator.last_seen_at = now
    return True


def is_confirmed(secret: str, *, now: datetime) -> bool:
    """Whether the password or a factor was given in this session within CONFIRMED_FOR."""
    session = find(secret, now=now)
    return session is not None and now - session.confirmed_at <= CONFIRMED_FOR


def take_try(secret: str) -> bool:
    """Count one attempt to confirm the session before it is checked; False if none is left."""
    counted = db.session.execute(
        sa.update(OperatorSession)
        .where(
            OperatorSession.secret_hash == signing.secret_hash(secret),
            OperatorSession.failures < CONFIRM_TRIES,
        )
        .values(failures=OperatorSession.failures + 1)
        .execution_options(synchronize_session=False)
    )
    return counted.rowcount == 1  # type: ignore[attr-defined]


def confirm(secret: str, *, now: datetime) -> None:
    """Record that the password or a factor was given, and reset the count of attempts."""
    mine = sa.update(OperatorSession).filter_by(secret_hash=signing.secret_hash(secret))
    db.session.execute(mine.values(confirmed_at=now, failures=0))


def end_if_guessed(secret: str) -> bool:
    """End the session if no attempt is left, as someone else may be using the browser; True if it has ended."""
    session = db.session.get(OperatorSession, signing.secret_hash(secret), populate_existing=True)
    if session is not None and session.failures < CONFIRM_TRIES:
        return False
    end(secret)
    return True


def end(secret: str) -> None:
    """Delete the session with this secret."""
    db.session.execute(sa.delete(OperatorSession).filter_by(secret_hash=signing.secret_hash(secret)))


def end_with_device(session: OperatorSession) -> None:
    """Delete the session and forget its remembered device."""
    if session.device_id is not None:
        devices.forget(devices.device(session.operator_id, session.device_id))
    db.session.delete(session)
    db.session.flush()


def end_all(operator_id: int, *, but: str | None = None) -> None:
    """Delete all sessions and remembered devices of an operator, except those of the session with secret `but`."""
    kept = db.session.get(OperatorSession, signing.secret_hash(but)) if but else None
    statement = sa.delete(OperatorSession).filter_by(operator_id=operator_id)
    if but:
        statement = statement.where(OperatorSession.secret_hash != signing.secret_hash(but))
    db.session.execute(statement)
    devices.forget_all(operator_id, but=kept.device_id if kept else None)
