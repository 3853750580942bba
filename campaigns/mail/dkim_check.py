"""Whose signature a message carries (DKIM, RFC 6376), checked by dkimpy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from campaigns.mail.errors import Unanswered

MOST_SIGNATURES = 5
LARGEST = 10 * 1024 * 1024
# What has to be signed: without one of these, a message that was signed once could be sent again as another.
SIGNED = frozenset({b"from", b"date", b"subject", b"message-id"})

_SIGNED_FIELD = re.compile(rb"^(from|date|subject|message-id)[ \t]*:", re.I | re.M)
_SIGNATURE = re.compile(rb"^dkim-signature[ \t]*:", re.I | re.M)
Texts = Callable[[str], Sequence[str]]


def is_signed_by(raw: bytes, domain: str, texts: Texts) -> bool:
    """Whether the domain of the one author, or one above it, has signed the whole message.

    `texts` gives the TXT records of a name, or raises Unanswered. Takes any bytes and never raises.
    """
    import dkim  # imported only when needed, to keep workers small

    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    count = len(_SIGNATURE.findall(head))
    if len(raw) > LARGEST or not _has_each_field_once(head):
        return False
    for number in range(min(count, MOST_SIGNATURES)):
        try:
            checked = dkim.DKIM(raw)
            is_good = checked.verify(idx=number, dnsfunc=lambda name, timeout=5: _record(name, texts))
        except (dkim.DKIMException, ArithmeticError, LookupError, NameError, TypeError, ValueError):
            continue
        if is_good and _covers(checked, domain):
            return True
    return False


def _covers(checked: Any, domain: str) -> bool:
    fields: dict[bytes, bytes] = checked.signature_fields
    signer = fields.get(b"d", b"").decode("ascii", "replace").lower().rstrip(".")
    names = {name.strip().lower() for name in fields.get(b"h", b"").split(b":")}
    is_aligned = signer.count(".") > 0 and (domain == signer or domain.endswith(f".{signer}"))
    return is_aligned and names >= SIGNED and b"l" not in fields


def _has_each_field_once(head: bytes) -> bool:
    """A second From or Subject beside the signed one is shown by some and signed by nobody."""
    found = Counter(name.lower() for name in _SIGNED_FIELD.findall(head))
    return all(found[name] == 1 for name in SIGNED)


def _record(name: bytes, texts: Texts) -> bytes | None:
    try:
        found = texts(name.decode("ascii", "replace").rstrip("."))
    except Unanswered:
        return None
    keys = [each for each in found if "p=" in each]
    return keys[0].encode("utf-8", "replace") if keys else None
