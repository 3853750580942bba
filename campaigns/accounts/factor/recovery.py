"""Recovery codes: ten of 80 bits; each replaces a lost factor once. Only hashes are kept."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime

import sqlalchemy as sa

from campaigns.accounts.factor.models import RecoveryCode
from campaigns.accounts.models import Operator
from campaigns.core import signing
from campaigns.core.db import db

NUMBER = 10
BYTES = 10  # 16 characters in base32
_CODE = re.compile(r"[a-z2-7]{16}")


def create(operator: Operator, *, now: datetime) -> list[str]:
    """New codes, to be shown once; all earlier ones stop working."""
    forget(operator.id)
    codes = [_fresh() for _number in range(NUMBER)]
    db.session.add_all(
        RecoveryCode(operator_id=operator.id, code_hash=_hash(operator.id, code), created_at=now)
        for code in codes
    )
    db.session.flush()
    return codes


def use(operator_id: int, typed: str, *, now: datetime) -> bool:
    """Mark the code as used; False if it is not an unused code of the operator."""
    if not _CODE.fullmatch(_plain(typed)):
        return False
    used = db.session.execute(
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.operator_id == operator_id,
            RecoveryCode.code_hash == _hash(operator_id, typed),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return used.rowcount == 1  # type: ignore[attr-defined]


def left(operator_id: int) -> int:
    """How many unused codes the operator has."""
    counted = sa.select(sa.func.count()).select_from(RecoveryCode)
    return db.session.scalar(counted.filter_by(operator_id=operator_id, used_at=None)) or 0


def forget(operator_id: int) -> None:
    """Delete all codes of the operator."""
    db.session.execute(sa.delete(RecoveryCode).filter_by(operator_id=operator_id))


def _fresh() -> str:
    letters = base64.b32encode(secrets.token_bytes(BYTES)).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def _plain(typed: str) -> str:
    return "".join(typed.split()).replace("-", "").lower()


def _hash(operator_id: int, code: str) -> str:
    return signing.secret_hash(f"recovery:{operator_id}:{_plain(code)}")
