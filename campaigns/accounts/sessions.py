"""Signed-in browsers: made at sign-in, looked up at each request, ended by whoever has the right."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.models import Operator, OperatorSession
from campaigns.core import signing
from campaigns.core.db import db

IDLE_LIMIT = timedelta(hours=12)
AGE_LIMIT = timedelta(days=7)
# `seen_at` is written at most this often, so that reading pages stays reading.
SEEN_GRAIN = timedelta(minutes=5)


def start(operator: Operator, *, ip: str, user_agent: str, now: datetime) -> str:
    """Begin a session and return its secret, which only the cookie will hold."""
    over = sa.or_(OperatorSession.seen_at < now - IDLE_LIMIT, OperatorSession.created_at < now - AGE_LIMIT)
    db.session.execute(sa.delete(OperatorSession).where(OperatorSession.operator_id == operator.id, over))
    secret = secrets.token_urlsafe(32)
    db.session.add(
        OperatorSession(
            secret_hash=signing.secret_hash(secret),
            operator_id=operator.id,
            created_at=now,
            seen_at=now,
            ip=ip[:45],
            user_agent=user_agent[:300],
        )
    )
    operator.last_seen_at = now
    db.session.flush()  # the caller may end other sessions in the same transaction
    return secret


def find(secret: str, *, now: datetime) -> OperatorSession | None:
    """The live session of that secret; None when it is over or its operator is disabled."""
    session = db.session.get(OperatorSession, signing.secret_hash(secret))
    if session is None or session.operator.is_disabled:
        return None
    if now - session.seen_at > IDLE_LIMIT or now - session.created_at > AGE_LIMIT:
        return None
    return session


def touch(session: OperatorSession, *, now: datetime) -> bool:
    """Note that the session is in use; whether anything was written."""
    if now - session.seen_at < SEEN_GRAIN:
        return False
    session.seen_at = now
    session.operator.last_seen_at = now
    return True


def end(secret: str) -> None:
    """End one session."""
    db.session.execute(sa.delete(OperatorSession).filter_by(secret_hash=signing.secret_hash(secret)))


def end_all(operator_id: int, *, but: str | None = None) -> None:
    """End every session of an operator, except the one with the given secret."""
    statement = sa.delete(OperatorSession).filter_by(operator_id=operator_id)
    if but:
        statement = statement.where(OperatorSession.secret_hash != signing.secret_hash(but))
    db.session.execute(statement)
