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

# Where a second one would be read instead of the one that is signed (RFC 5322 section 3.6, RFC 2045 section 3).
ONCE = frozenset(
    {b"to", b"cc", b"reply-to", b"in-reply-to", b"references"}
    | {b"content-type", b"content-transfer-encoding", b"mime-version"}
)

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.M)
# A line break that only some see, and a line that only some take for the end of the head.
_AMBIGUOUS = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|^[ \t]+\r?$", re.M)
_SIGNATURE = re.compile(rb"^dkim-signature[ \t]*:", re.I | re.M)
Texts = Callable[[str], Sequence[str]]


def is_signed_by(raw: bytes, domain: str, texts: Texts) -> bool:
    """Whether the domain of the one author, or one above it, has signed the whole message.

    `texts` gives the TXT records of a name, or raises Unanswered. Takes any bytes. Raises Unanswered when no
    signature holds and the key of one could not be had: then it may hold later.
    """
    import dkim  # imported only when needed, to keep workers small

    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    count = len(_SIGNATURE.findall(head))
    missed: list[Unanswered] = []
    if len(raw) > LARGEST or _AMBIGUOUS.search(head) or not _has_each_field_once(head):
        return False
    for number in range(min(count, MOST_SIGNATURES)):
        try:
            checked = dkim.DKIM(raw)
            is_good = checked.verify(idx=number, dnsfunc=lambda name, timeout=5: _record(name, texts, missed))
        except (dkim.DKIMException, ArithmeticError, LookupError, NameError, TypeError, ValueError):
            continue
        if is_good and _covers(checked, domain):
            return True
    if missed:
        raise missed[0]
    return False


def _covers(checked: Any, domain: str) -> bool:
    fields: dict[bytes, bytes] = checked.signature_fields
    signer = fields.get(b"d", b"").decode("ascii", "replace").lower().rstrip(".")
    names = {name.strip().lower() for name in fields.get(b"h", b"").split(b":")}
    is_aligned = signer.count(".") > 0 and (domain == signer or domain.endswith(f".{signer}"))
    return is_aligned and names >= SIGNED and b"l" not in fields


def _has_each_field_once(head: bytes) -> bool:
    """A second From or Subject beside the signed one is shown by some and signed by nobody."""
    found = Counter(name.lower() for name in _FIELD.findall(head))
    return all(found[name] == 1 for name in SIGNED) and all(found[name] <= 1 for name in ONCE)


def _record(name: bytes, texts: Texts, missed: list[Unanswered]) -> bytes | None:
    try:
        found = texts(name.decode("ascii", "replace").rstrip("."))
    except Unanswered as error:
        missed.append(error)
        return None
    keys = [each for each in found if "p=" in each]
    return keys[0].encode("utf-8", "replace") if keys else None
