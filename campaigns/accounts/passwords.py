"""Passwords: argon2id hashes (RFC 9106), and the rules for new passwords."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

SHORTEST = 12
LONGEST = 4096  # characters; password managers make shorter ones, and more would only take time to hash
# zxcvbn's score, 0 to 4: a lower score means fewer than 10^8 guesses.
WEAKEST = 3
LOOKED_AT = 32  # characters: further ones can only make a password stronger
# zxcvbn tries every letter that each of these symbols can stand for, which takes seconds for a password with many
# of them. Such a password is passed to it with one symbol that stands for no letter instead.
_SYMBOLS = str.maketrans(dict.fromkeys("@({[<&#!/|$+%", "~"))
MOST_SYMBOLS = 3  # different symbols: up to here, substitutions like `p@$$word` are recognised

_hasher = PasswordHasher()
# Verified if there is no such operator, so that the answer takes as long as for a wrong password.
_nobody = _hasher.hash("nobody has this password")


def check(password: str, *, email: str = "", field: str = "password") -> None:
    """Raise Invalid for a password that is too short, too long, the email address, or easy to guess.

    No kinds of characters are required (NIST SP 800-63B section 5.1.1.2). `field` names the form field.
    """
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
    """The argon2id hash of the password, with its parameters and salt."""
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password has this hash; None takes as long as a wrong password."""
    try:
        _hasher.verify(password_hash or _nobody, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than the current ones."""
    return _hasher.check_needs_rehash(password_hash)


def _strength(password: str, email: str) -> int:
    """zxcvbn's score, 0 (fewest guesses needed) to 4; the address and the app's name count as known words."""
    from zxcvbn import zxcvbn  # only when needed: it loads 90,000 words

    looked_at = password[:LOOKED_AT]
    if len({each for each in looked_at if ord(each) in _SYMBOLS}) > MOST_SYMBOLS:
        looked_at = looked_at.translate(_SYMBOLS)
    known = [each for each in (email[:LOOKED_AT], email.partition("@")[0][:LOOKED_AT], "columba") if each]
    return int(zxcvbn(looked_at, user_inputs=known)["score"])
