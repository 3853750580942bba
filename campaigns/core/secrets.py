"""Secrets at rest: AES-256-GCM with a key derived from SECRET_KEY, bound to their owner."""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _

KEY_ID = b"\x01"
NONCE_BYTES = 12


def seal(secret_key: str, plain: str, *, owner: str) -> bytes:
    """The encrypted secret; it can only be opened with the same `owner`, like `server:7`."""
    nonce = os.urandom(NONCE_BYTES)
    return KEY_ID + nonce + AESGCM(_key(secret_key)).encrypt(nonce, plain.encode(), owner.encode())


def open_sealed(secret_key: str, sealed: bytes, *, owner: str) -> str:
    """The secret; raises Misconfigured if SECRET_KEY or the owner is not the one that sealed it."""
    nonce, box = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(_key(secret_key)).decrypt(nonce, box, owner.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise Misconfigured(
            _("A saved secret can't be read because SECRET_KEY has changed. Enter it again.")
        ) from error


def _key(secret_key: str) -> bytes:
    return hashlib.blake2b(secret_key.encode(), digest_size=32, person=b"secrets-at-rest").digest()
