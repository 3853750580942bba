"""A mail in DKIM's canonical form, relaxed for header and body (RFC 6376, 3.4.2 and 3.4.4).

Relaxed outlives a relay that folds a header anew or trims the end of a line, and simple would save little:
replacing within bytes is C's work, 10 to 40 µs for a mail of 5 KB against 300 for its RSA signature.
"""

from __future__ import annotations

import re

_FIELD = re.compile(rb"([^:\s]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")


def fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """Name in lower case and raw value of each field in the block, in order."""
    return [(name.lower(), value) for name, value in _FIELD.findall(block)]


def field(name: bytes, value: bytes) -> bytes:
    """One field in canonical form, without its CRLF; `name` is in lower case."""
    return name + b":" + _single_spaces(value.replace(b"\r\n", b"")).strip(b" ")


def body(raw: bytes) -> bytes:
    """The body in canonical form; empty for one of empty lines only."""
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    raw = _single_spaces(raw)
    if b" \r\n" in raw:
        raw = raw.replace(b" \r\n", b"\r\n")
    if not raw.endswith(b"\r\n\r\n") and raw != b"\r\n":
        return raw
    raw = raw.rstrip(b"\r\n")
    return raw + b"\r\n" if raw else b""


def _single_spaces(raw: bytes) -> bytes:
    if b"\t" in raw:
        raw = raw.replace(b"\t", b" ")
    while b"  " in raw:  # each round halves what is left of a run
        raw = raw.replace(b"  ", b" ")
    return raw
