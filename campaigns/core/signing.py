"""Signed tokens in public links and addresses: one key per purpose, verified without the database.

In a link a token is `<kid><id in hex>-<128-bit keyed BLAKE2b in hex>`: lower-case hex survives gateways that
change the case, quoted-printable soft breaks and any URL parser. The purpose is part of the key
derivation (BLAKE2b `person`), so a click token can't unsubscribe.

In a local part, a Message-ID and an envelope id it is `<kid><id><80-bit keyed BLAKE2b>` in
lower-case base32 (RFC 4648) without padding: at most 31 characters for any id, because a local part has 64
(RFC 5321 section 4.5.3.1.1) and BATV and SRS prepend their parts. 80 bits suffice because a guess can only be
tested by sending us a message.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
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
    """What a token permits; at most 16 bytes (BLAKE2b's `person`)."""

    TRACK = "track"
    SUBSCRIPTION = "subscription"
    VIEW = "view"
    CONFIRM = "confirm"
    BOUNCE = "bounce"  # in the envelope: MAIL FROM and ENVID
    MESSAGE = "message"  # in the Message-ID
    UNSUBSCRIBE = "unsubscribe"  # in an address that unsubscribes the person who writes to it
    COMMAND = "command"  # in an address that accepts commands
    LOOPBACK = "loopback"  # in an address of a loopback test
    RULE = "rule"  # in the address of a rule
    SHARE = "share"  # in the address of a campaign's email without anybody's data
    COMMENT = "comment"  # in the form for a comment: when it was made


def sign(key: bytes, purpose: Purpose, number: int) -> str:
    """The token for a row id: under 60 characters, safe in a URL and in a local part."""
    body = f"{CURRENT_KEY}{number:x}"
    return f"{body}-{_mac(key, purpose, body)}"


def read(key: bytes, purpose: Purpose, token: str) -> int | None:
    """The row id of the token; None if we did not sign it for this purpose. Compares in constant time."""
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
    """The token for a row id below 2^63: at most 31 lower-case base32 characters."""
    body = _local_body(number)
    return body + _local_mac(key, purpose, body)


def _local_body(number: int) -> str:
    body, rest = "", number
    while rest:
        body = _PAIRS[rest & 1023] + body
        rest >>= 10
    return CURRENT_KEY + body


def read_local(key: bytes, purpose: Purpose, token: str) -> int | None:
    """The row id of the token, in any case; None if we did not sign it for this purpose. Compares in constant time."""
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


class Signing:
    """Makes many tokens with one key: what `sign` and `sign_local` make, in half of the time."""

    def __init__(self, key: bytes, links: Iterable[Purpose] = (), local: Iterable[Purpose] = ()) -> None:
        """For these purposes: in links, and in local parts and Message-IDs."""
        self._links = {each: _hash(key, each, MAC_SIZE_BYTES) for each in links}
        self._local = {each: _hash(key, each, LOCAL_MAC_SIZE_BYTES) for each in local}

    def links(self, purposes: Iterable[Purpose], number: int) -> list[str]:
        """The link token of a row id for each of these purposes."""
        body = f"{CURRENT_KEY}{number:x}"
        coded = body.encode()
        found = []
        for purpose in purposes:
            mac = self._links[purpose].copy()
            mac.update(coded)
            found.append(f"{body}-{mac.hexdigest()}")
        return found

    def local(self, purpose: Purpose, number: int) -> str:
        """The token of a row id below 2^63 in a local part."""
        body = _local_body(number)
        mac = self._local[purpose].copy()
        mac.update(body.encode())
        return body + _base32(mac.digest())


def address_key(key: bytes, address: str) -> str:
    """A keyed hash of a normalised address: equal for equal addresses, and not reversible without the key."""
    return hashlib.blake2b(address.encode(), key=key, digest_size=16, person=b"address").hexdigest()


def address_hash(key: bytes) -> hashlib.blake2b:
    """What `address_key` begins with: a copy of it, updated with an address, gives that address's key."""
    return hashlib.blake2b(key=key, digest_size=16, person=b"address")


def installation_name(key: bytes) -> str:
    """Eight base32 characters that identify this installation to receivers; they never change."""
    return _base32(hashlib.blake2b(key=key, digest_size=10, person=b"installation").digest())[:8]


def secret_hash(secret: str) -> str:
    """The hash under which a random secret (reset, invitation, session) is stored, so that a leaked table is useless."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _mac(key: bytes, purpose: Purpose, body: str) -> str:
    return hashlib.blake2b(
        body.encode(), key=key, digest_size=MAC_SIZE_BYTES, person=purpose.encode()
    ).hexdigest()


def _local_mac(key: bytes, purpose: Purpose, body: str) -> str:
    # The digest size is a parameter of BLAKE2b, so this is not a prefix of a link's MAC.
    return _base32(
        hashlib.blake2b(
            body.encode(), key=key, digest_size=LOCAL_MAC_SIZE_BYTES, person=purpose.encode()
        ).digest()
    )


def _hash(key: bytes, purpose: Purpose, size: int) -> hashlib.blake2b:
    """What a MAC begins with: a copy of it, updated with a token's body, gives that token's."""
    return hashlib.blake2b(key=key, digest_size=size, person=purpose.encode())


def _base32(digest: bytes) -> str:
    """Ten bytes as 16 characters; without a loop, because each message needs three."""
    n, pairs = int.from_bytes(digest), _PAIRS
    return (
        f"{pairs[n >> 70]}{pairs[n >> 60 & 1023]}{pairs[n >> 50 & 1023]}{pairs[n >> 40 & 1023]}"
        f"{pairs[n >> 30 & 1023]}{pairs[n >> 20 & 1023]}{pairs[n >> 10 & 1023]}{pairs[n & 1023]}"
    )
