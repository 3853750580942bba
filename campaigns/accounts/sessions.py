"""Signed-in browsers: made at sign-in, looked up at each request, ended by whoever has the right."""

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
# `seen_at` is written at most this often, so that reading pages stays reading.
SEEN_GRAIN = timedelta(minutes=5)
# For so long after the password or a factor was given, nothing asks for it again.
CONFIRMED_FOR = timedelta(minutes=10)
CONFIRM_TRIES = 5  # wrong answers, with which a session ends


def start(
    operator: Operator, *, ip: str, user_agent: str, now: datetime, device_id: int | None = None
) -> str:
    """Begin a session and return its secret, which only the cookie will hold; `device_id` of a remembered device."""
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


def is_confirmed(secret: str, *, now: datetime) -> bool:
    """Whether the session's password or factor was given lately."""
    session = find(secret, now=now)
    return session is not None and now - session.confirmed_at <= CONFIRMED_FOR


def take_try(secret: str) -> bool:
    """Count one answer to the question for the password or factor, before it is looked at; False when none is left."""
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
    """Note that the session's password or factor was given."""
    mine = sa.update(OperatorSession).filter_by(secret_hash=signing.secret_hash(secret))
    db.session.execute(mine.values(confirmed_at=now, failures=0))


def end_if_guessed(secret: str) -> bool:
    """End the session when no try is left: its browser may be in other hands. Whether it is over."""
    session = db.session.get(OperatorSession, signing.secret_hash(secret), populate_existing=True)
    if session is not None and session.failures < CONFIRM_TRIES:
        return False
    end(secret)
    return True


def end(secret: str) -> None:
    """End one session."""
    db.session.execute(sa.delete(OperatorSession).filter_by(secret_hash=signing.secret_hash(secret)))


def end_with_device(session: OperatorSession) -> None:
    """End one session, and remember its device no more."""
    if session.device_id is not None:
        devices.forget(devices.device(session.operator_id, session.device_id))
    db.session.delete(session)
    db.session.flush()


def end_all(operator_id: int, *, but: str | None = None) -> None:
    """End every session of an operator and forget the remembered devices, except those of the given secret."""
    kept = db.session.get(OperatorSession, signing.secret_hash(but)) if but else None
    statement = sa.delete(OperatorSession).filter_by(operator_id=operator_id)
    if but:
        statement = statement.where(OperatorSession.secret_hash != signing.secret_hash(but))
    db.session.execute(statement)
    devices.forget_all(operator_id, but=kept.device_id if kept else None)
