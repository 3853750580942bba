"""SASL mechanisms as text: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), OAUTHBEARER (RFC 7628), XOAUTH2."""

from __future__ import annotations

import hmac
import re
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable

# In order of preference. CRAM-MD5 hides the password on the line, but the server has to store it readable.
PASSWORDS = ("PLAIN", "LOGIN", "CRAM-MD5")
TOKENS = ("OAUTHBEARER", "XOAUTH2")
_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)

HIDDEN = "…"
_SHORT = 6  # a secret of fewer letters may be a part of any word
_WORD, _AROUND = re.compile(r"\S+"), "\"'`<>()[]{},.:;="
_IN_BASE64 = re.compile(r"[A-Za-z0-9+/]{6,}={0,2}")


def choose(offered: frozenset[str], wanted: str | None, *, has_token: bool = False) -> str | None:
    """The mechanism to use: the wanted one, else the first that both sides support; None without one."""
    if wanted:
        return wanted if wanted in offered else None
    return next((name for name in (TOKENS if has_token else PASSWORDS) if name in offered), None)


Line = str | Callable[[str], str]


def lines(mechanism: str, username: str, secret: str, *, host: str = "", port: int = 0) -> list[Line]:
    """The client's lines: the AUTH command, then one for each 334, or a function of that 334's text.

    A server rejects a token within a 334; the empty line after it makes the server reply 535.
    """
    if mechanism == "PLAIN":
        return ["AUTH PLAIN " + _coded(f"\0{prepared(username)}\0{prepared(secret)}")]
    if mechanism == "LOGIN":
        return ["AUTH LOGIN", _coded(username), _coded(secret)]
    if mechanism == "CRAM-MD5":
        return ["AUTH CRAM-MD5", lambda challenge: _cram(prepared(username), prepared(secret), challenge)]
    first, last = bearer(mechanism, username, secret, host=host, port=port)
    return [f"AUTH {mechanism} {first}", last]


def bearer(mechanism: str, username: str, token: str, *, host: str = "", port: int = 0) -> tuple[str, str]:
    """The client's two responses by OAUTHBEARER or XOAUTH2, in base64: the token, and what acknowledges the 334 (or
    its like in another protocol) within which a server rejects it.
    """
    if mechanism == "OAUTHBEARER":
        name = username.replace("=", "=3D").replace(",", "=2C")
        text = f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01"
        return _coded(text), _coded("\x01")
    return _coded(f"user={username}\x01auth=Bearer {token}\x01\x01"), ""


def prepared(text: str) -> str:
    """SASLprep (RFC 4013): one spelling for each name and password.

    Text that SASLprep forbids is returned unchanged: only the server can say whether it knows it.
    """
    mapped = "".join(
        " " if stringprep.in_table_c12(each) else each for each in text if not stringprep.in_table_b1(each)
    )
    found = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    return text if any(is_in(each) for each in found for is_in in _FORBIDDEN) else found


def _cram(username: str, secret: str, challenge: str) -> str:
    """Name and keyed digest of the challenge (RFC 2195 section 2); "*" cancels if it is not valid base64."""
    try:
        asked = b64decode(challenge, validate=True)
    except ValueError:
        return "*"
    return _coded(f"{username} {hmac.new(secret.encode(), asked, 'md5').hexdigest()}")


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def without(secret: str | None, said: str) -> str:
    """A server's reply without the secret that was sent to it, which some repeat: as it is, or in base64."""
    if not secret:
        return said
    if len(secret) < _SHORT:
        said = _WORD.sub(lambda found: HIDDEN if found[0].strip(_AROUND) == secret else found[0], said)
    else:
        said = said.replace(secret, HIDDEN)
    return _IN_BASE64.sub(lambda found: HIDDEN if _holds(found[0], secret) else found[0], said)


def _holds(word: str, secret: str) -> bool:
    """Whether the word has base64 of something with the secret in it."""
    bare = word.rstrip("=")
    return any(secret.encode() in _decoded(bare[start:]) for start in range(4))


def _decoded(word: str) -> bytes:
    whole = word[: -1 if len(word) % 4 == 1 else None]
    return b64decode(whole + "=" * (-len(whole) % 4))
