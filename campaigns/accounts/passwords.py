"""Passwords: argon2id, and what we accept as one."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

SHORTEST = 12
LONGEST = 4096  # longer than any password manager makes; more would only cost time
# Of 0 to 4, as zxcvbn counts: below it there are fewer than 10^8 guesses to make.
WEAKEST = 3
LOOKED_AT = 32  # characters: what comes after them can only make a password stronger
# zxcvbn tries every meaning of these as a letter. With many of them in one password that takes seconds, so
# that symbols are shown to it as one that means none.
_SYMBOLS = str.maketrans(dict.fromkeys("@({[<&#!/|$+%", "~"))
MOST_SYMBOLS = 3  # different ones, up to which `p@$$word` is recognised

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
        raise Invalid(_("Don't use your email address as password. Choose a different one."), field=field)
    if _strength(password, email) < WEAKEST:
        raise Invalid(_("This password is easy to guess. Choose a different one."), field=field)


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


def _strength(password: str, email: str) -> int:
    """From 0 to 4: how many guesses it takes of somebody who knows common passwords, words, names and keyboards."""
    from zxcvbn import zxcvbn  # its 90,000 words are for the few processes that are given a password

    looked_at = password[:LOOKED_AT]
    if len({each for each in looked_at if ord(each) in _SYMBOLS}) > MOST_SYMBOLS:
        looked_at = looked_at.translate(_SYMBOLS)
    known = [each for each in (email[:LOOKED_AT], email.partition("@")[0][:LOOKED_AT], "columba") if each]
    return int(zxcvbn(looked_at, user_inputs=known)["score"])
