"""Passwords: argon2id, and what we accept as one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

SHORTEST = 12
LONGEST = 200
FEWEST_DIFFERENT = 5
COMMON = Path(__file__).parent / "common_passwords.txt"

_hasher = PasswordHasher()
# Verified when there is no such operator, so that both answers take the same time.
_nobody = _hasher.hash("nobody has this password")


def check(password: str, *, email: str = "", field: str = "password") -> None:
    """Raise Invalid unless it may be somebody's password; long matters, odd characters do not."""
    if len(password) < SHORTEST:
        raise Invalid(_("Use at least %(shortest)s characters.", shortest=SHORTEST), field=field)
    if len(password) > LONGEST:
        raise Invalid(_("Use at most %(longest)s characters.", longest=LONGEST), field=field)
    plain = password.casefold()
    if email and plain in (email.casefold(), email.casefold().partition("@")[0]):
        raise Invalid(_("Your e-mail address is no password. Choose another one."), field=field)
    if plain in _common() or len(set(plain)) < FEWEST_DIFFERENT:
        raise Invalid(_("This is among the first that people guess. Choose another one."), field=field)


def hashed(password: str) -> str:
    """The argon2id hash to keep."""
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether that is the password; takes as long for a missing hash as for a wrong password."""
    try:
        _hasher.verify(password_hash or _nobody, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(password_hash)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").split("\n"))
