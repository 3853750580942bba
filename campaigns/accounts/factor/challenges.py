"""WebAuthn challenges: signed, good for five minutes, for one purpose and one operator, and answered once.

A challenge is made without writing anything, so that a page which offers a passkey stays a page that reads;
only answers leave a row.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeSerializer

from campaigns.accounts.factor.models import SpentChallenge
from campaigns.core import config, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert

LASTS = timedelta(minutes=5)
ANYBODY = 0  # who signs in by a passkey alone has not said yet who they are


class Purpose(StrEnum):
    """What the answer to a challenge allows; an answer to one is none to another."""

    REGISTER = "register"
    SIGN_IN = "sign-in"
    SECOND_STEP = "second-step"
    CONFIRM = "confirm"


def make(purpose: Purpose, operator_id: int, *, now: datetime) -> bytes:
    """A fresh challenge."""
    expires = int((now + LASTS).timestamp())
    return _signer().dumps([purpose, operator_id, expires, secrets.token_urlsafe(24)]).encode()  # type: ignore[no-any-return]


def is_ours(challenge: bytes, purpose: Purpose, operator_id: int, *, now: datetime) -> bool:
    """Whether we made it for that purpose and operator, and it is in time."""
    try:
        found, whose, expires, _nonce = _signer().loads(challenge)
    except (BadData, ValueError, TypeError):
        return False
    return bool(found == purpose and whose == operator_id and expires > now.timestamp())


def spend(challenge: bytes, *, now: datetime) -> bool:
    """Take an answer to it; False when one was taken before."""
    db.session.execute(sa.delete(SpentChallenge).where(SpentChallenge.expires_at < now))
    row = {"challenge_hash": signing.secret_hash(challenge.decode()), "expires_at": now + LASTS}
    kept = insert(SpentChallenge).values(row).on_conflict_do_nothing()
    return db.session.scalar(kept.returning(SpentChallenge.challenge_hash)) is not None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(config.current().secret_key, salt="webauthn challenge")
