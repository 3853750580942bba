"""WebAuthn challenges: signed, valid for five minutes, for one purpose and one operator, and answered once.

Creating a challenge writes nothing, so that pages which offer a passkey only read. Answers are stored.
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
ANYBODY = 0  # the operator's id in a sign-in by passkey alone: not known yet


class Purpose(StrEnum):
    """What the answer to a challenge permits. An answer for one purpose is refused for another."""

    REGISTER = "register"
    SIGN_IN = "sign-in"
    SECOND_STEP = "second-step"
    CONFIRM = "confirm"


def make(purpose: Purpose, operator_id: int, *, now: datetime) -> bytes:
    """A new challenge; ANYBODY as the operator's id if it is not known yet."""
    expires = int((now + LASTS).timestamp())
    return _signer().dumps([purpose, operator_id, expires, secrets.token_urlsafe(24)]).encode()  # type: ignore[no-any-return]


def is_ours(challenge: bytes, purpose: Purpose, operator_id: int, *, now: datetime) -> bool:
    """Whether the challenge was made here for this purpose and operator, and has not expired."""
    try:
        found, whose, expires, _nonce = _signer().loads(challenge)
    except (BadData, ValueError, TypeError):
        return False
    return bool(found == purpose and whose == operator_id and expires > now.timestamp())


def spend(challenge: bytes, *, now: datetime) -> bool:
    """Mark the challenge as answered; False if it already was. Deletes expired rows."""
    db.session.execute(sa.delete(SpentChallenge).where(SpentChallenge.expires_at < now))
    row = {"challenge_hash": signing.secret_hash(challenge.decode()), "expires_at": now + LASTS}
    kept = insert(SpentChallenge).values(row).on_conflict_do_nothing()
    return db.session.scalar(kept.returning(SpentChallenge.challenge_hash)) is not None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(config.current().secret_key, salt="webauthn challenge")
