"""The shape of a diagnostic text: what stays of it without addresses, hosts, numbers and ids. Pure."""

from __future__ import annotations

import hashlib
import re

_SIGNS = re.compile(r"[^\w]+")
_CODE = re.compile(r"(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![\w.])|(?<!\w)[245]\d\d(?!\w)")
_OF_A_NAME = frozenset("@/\\")  # addresses, links, message ids
LONGEST = 2000


def shape_of(diagnostic: str) -> str:
    """The key of all texts that differ only in names and numbers; reply codes stay."""
    return hashlib.sha256(plain(diagnostic).encode()).hexdigest()


def plain(diagnostic: str) -> str:
    """The text that the shape is made of."""
    text = diagnostic[:LONGEST].lower()
    words = [word for each in text.split() if not _is_name(each) for word in _SIGNS.sub(" ", each).split()]
    kept = [word for word in words if not any(letter.isdigit() for letter in word)]
    return f"{' '.join(_CODE.findall(text))} {' '.join(kept)}".strip()


def _is_name(word: str) -> bool:
    """Whether it names an address, a link or a host, like mx.example.org."""
    inner = word.strip("()[]<>{}.,;:\"'")
    return not _OF_A_NAME.isdisjoint(word) or "." in inner
