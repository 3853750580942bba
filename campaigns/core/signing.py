"""Tokens in public links and in addresses: short, unforgeable, one key per purpose, verified without a look-up.

In a link a token is `<kid><id in hex>-<128-bit keyed BLAKE2b in hex>`: lower-case hex survives gateways that
change the case, quoted-printable soft breaks and any URL parser. The purpose is part of the key
derivation (BLAKE2b `person`), so a click token can't unsubscribe.

Before the @ of an address, in a Message-ID and in an envelope id it is `<kid><id><80-bit keyed BLAKE2b>` in
lower-case base32 (RFC 4648) without padding: at most 31 characters for any id, because a local part has 64
(RFC 5321 section 4.5.3.1.1) and BATV and SRS put theirs before ours. To forge one, somebody would have to send
us 2^80 mails; nothing can be tried out elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

CURRENT_KEY = "a"
MAC_SIZE_BYTES = 16
LONGEST_TOKEN = 64
LOCAL_MAC_SIZE_BYTES = 10
LOCAL_MAC = 16  # characters
LONGEST_LOCAL_TOKEN = 1 + 14 + LOCAL_MAC
LARGEST_NUMBER = 2**63 - 1

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _LETTERS for second in _LETTERS)
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}


class Purpose(StrEnum):
    """What a token allows; at most 16 characters (BLAKE2b's `person`)."""

    TRACK = "track"
    SUBSCRIPTION = "subscription"
    VIEW = "view"
    CONFIRM = "confirm"
    BOUNCE = "bounce"  # in the envelope: MAIL FROM and ENVID
    MESSAGE = "message"  # in the Message-ID
    UNSUBSCRIBE = "unsubscribe"  # in an address that unsubscribes whoever writes to it
    COMMAND = "command"  # in an address that takes a command
    LOOPBACK = "loopback"  # in an address to which we write ourselves, to see how it arrives
    RULE = "rule"  # in an address for which a rule was made


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


def sign_local(key: bytes, purpose: Purpose, number: int) -> str:
    """The token for a row number below 2^63: at most 31 lower-case letters and digits of base32."""
    body, rest = "", number
    while rest:
        body = _PAIRS[rest & 1023] + body
        rest >>= 10
    body = CURRENT_KEY + body
    return body + _local_mac(key, purpose, body)


def read_local(key: bytes, purpose: Purpose, token: str) -> int | None:
    """The row number, in whichever case the token came back, or None when it is not ours (constant time)."""
    token = token.strip().lower()
    if not LOCAL_MAC < len(token) <= LONGEST_LOCAL_TOKEN or not token.isascii():
        return None
    body, mac = token[:-LOCAL_MAC], token[-LOCAL_MAC:]
    if not body.startswith(CURRENT_KEY):
        return None
    if not hmac.compare_digest(mac, _local_mac(key, purpose, body)):
        return None
    number = 0
    for letter in body[1:]:
        number = number * 32 + _VALUES[letter]
    return number


def address_key(key: bytes, address: str) -> str:
    """A keyed hash of a normalised address: equal addresses meet, nobody can read them back."""
    return hashlib.blake2b(address.encode(), key=key, digest_size=16, person=b"address").hexdigest()


def installation_name(key: bytes) -> str:
    """Eight letters and digits that name this installation to receivers, always the same (base32)."""
    return _base32(hashlib.blake2b(key=key, digest_size=10, person=b"installation").digest())[:8]


def secret_hash(secret: str) -> str:
    """How a one-time secret (reset, invitation, session) is kept: a leaked table opens nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _mac(key: bytes, purpose: Purpose, body: str) -> str:
    return hashlib.blake2b(
        body.encode(), key=key, digest_size=MAC_SIZE_BYTES, person=purpose.encode()
    ).hexdigest()


def _local_mac(key: bytes, purpose: Purpose, body: str) -> str:
    # The size of the digest is part of BLAKE2b's parameters, so this is no part of a link's MAC.
    return _base32(
        hashlib.blake2b(
            body.encode(), key=key, digest_size=LOCAL_MAC_SIZE_BYTES, person=purpose.encode()
        ).digest()
    )


def _base32(digest: bytes) -> str:
    """Ten bytes as 16 letters; without a loop, because each mail needs three."""
    n, pairs = int.from_bytes(digest), _PAIRS
    return (
        f"{pairs[n >> 70]}{pairs[n >> 60 & 1023]}{pairs[n >> 50 & 1023]}{pairs[n >> 40 & 1023]}"
        f"{pairs[n >> 30 & 1023]}{pairs[n >> 20 & 1023]}{pairs[n >> 10 & 1023]}{pairs[n & 1023]}"
    )
