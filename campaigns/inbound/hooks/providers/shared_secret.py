"""Providers that sign nothing: the secret in the URL, and a password or token in the Authorization header."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Whether the request carries the secret: `user:password` (RFC 7617) or a token (RFC 6750).

    Without a secret the one in the URL has to do. Names of headers are in lower case.
    """
    if not secret:
        return True
    scheme, _space, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _are_equal(value.strip().encode(), secret)
    if scheme.lower() != "basic":
        return False
    try:
        return _are_equal(base64.b64decode(value.strip(), validate=True), secret)
    except (binascii.Error, ValueError):
        return False


def header_for(secret: str) -> dict[str, str]:
    """The header in which a request would carry it."""
    if not secret:
        return {}
    if ":" in secret:
        return {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    return {"authorization": f"Bearer {secret}"}


def _are_equal(found: bytes, secret: str) -> bool:
    return hmac.compare_digest(found, secret.encode())
