"""The shape of a diagnostic text: what stays of it without addresses, hosts, numbers and ids. Pure."""

from __future__ import annotations

import hashlib
import re

_WHOLE = re.compile(r"\S*[@/\\]\S*")  # addresses, links, message ids
_HOST = re.compile(r"(?<![\w.-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,10}(?![\w-])")
_NUMBERED = re.compile(r"[a-z0-9_-]*\d[a-z0-9_-]*")
_REST = re.compile(r"[^\w]+")
_CODE = re.compile(r"(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![\w.])|(?<!\w)[245]\d\d(?!\w)")
LONGEST = 2000


def shape_of(diagnostic: str) -> str:
    """The key of all texts that differ only in names and numbers; reply codes stay."""
    return hashlib.sha256(plain(diagnostic).encode()).hexdigest()


def plain(diagnostic: str) -> str:
    """The text that the shape is made of."""
    text = diagnostic[:LONGEST].lower()
    codes = " ".join(_CODE.findall(text))
    for pattern in (_WHOLE, _HOST, _NUMBERED, _REST):
        text = pattern.sub(" ", text)
    return f"{codes} {' '.join(text.split())}".strip()
