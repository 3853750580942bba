"""Tokens in public links: short, unforgeable, one key per purpose, verified without a look-up.

A token is `<kid><id in hex>-<128-bit keyed BLAKE2b in hex>`: lower-case hex survives gateways that
change the case, quoted-printable soft breaks and any URL parser. The purpose is part of the key
derivation (BLAKE2b `person`), so a click token can't unsubscribe.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

CURRENT_KEY = "a"
MAC_SIZE_BYTES = 16
LONGEST_TOKEN = 64


class Purpose(StrEnum):
    """What a token allows; at most 16 characters (BLAKE2b's `person`)."""

    TRACK = "track"
    SUBSCRIPTION = "subscription"
    VIEW = "view"
    CONFIRM = "confirm"
    BOUNCE = "bounce"


def sign(key: bytes, purpose: Purpose, number: int) -> str:
    """The token for a row number: under 60 characters, safe in a URL and in a local part."""
    body = f"{CURRENT_KEY}{number:x}"
    return f"{body}-{_mac(key, purpose, body)}"


def read(key: bytes, purpose: Purpose, token: str) -> int | None:
    """The row number a token was made for, or None when it is not ours (constant time)."""
    token = token.strip().lower()
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    body, separator, mac = token.partition("-")
    if not separator or not body.startswith(CURRENT_KEY):
        return None
    if not hmac.compare_digest(mac, _mac(key, purpose, body)):
        return None
    return int(body[1:], 16)


def address_key(key: bytes, address: str) -> str:
    """A keyed hash of a normalised address: equal addresses meet, nobody can read them back."""
    return hashlib.blake2b(address.encode(), key=key, digest_size=16, person=b"address").hexdigest()


def secret_hash(secret: str) -> str:
    """How a one-time secret (reset, invitation, session) is kept: a leaked table opens nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _mac(key: bytes, purpose: Purpose, body: str) -> str:
    return hashlib.blake2b(
        body.encode(), key=key, digest_size=MAC_SIZE_BYTES, person=purpose.encode()
    ).hexdigest()
