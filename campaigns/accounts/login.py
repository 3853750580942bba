"""Signing in by address and password. Takes as long, and says as little, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field

from campaigns.accounts import passwords, queries
from campaigns.accounts.models import Operator


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says to be this operator; nothing is proven yet."""

    operator_id: int | None
    password_hash: str | None = field(repr=False)


def claim(email: str) -> Claim:
    """Whom that address would be. End the transaction before `prove`, which is slow on purpose."""
    operator = queries.operator_by_email(email)
    if operator is None or operator.is_disabled:
        return Claim(None, None)
    return Claim(operator.id, operator.password_hash)


def prove(claimed: Claim, password: str) -> Operator | None:
    """The operator whose password that is; None when it is wrong or nobody's. It may be the first of two steps."""
    is_right = passwords.matches(claimed.password_hash, password)
    if not is_right or claimed.operator_id is None:
        return None
    operator = queries.operator(claimed.operator_id)
    if passwords.needs_rehash(operator.password_hash):
        operator.password_hash = passwords.hashed(password)
    return operator
