"""Our addresses with a signed token, and finding the token again in altered text.

A bounce address is stored as one text: `bounce@example.com` gets the token after a plus; with
`@bounce.example.com`, a whole subdomain, the token is the local part. Empty: there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.core import signing
from campaigns.core.addresses import LONGEST_LOCAL_PART
from campaigns.core.signing import CURRENT_KEY, LOCAL_MAC, LONGEST_LOCAL_TOKEN, Purpose

UNSUBSCRIBE, COMMAND, RULE = "unsub", "command", "rule"  # local parts, before the plus
LONGEST_BEFORE_PLUS = LONGEST_LOCAL_PART - 1 - LONGEST_LOCAL_TOKEN
LONGEST_READ = 2000  # characters of a text that are searched for a token
MOST_RUNS = 16

_SENT = (
    *(Purpose.BOUNCE, Purpose.MESSAGE, Purpose.UNSUBSCRIBE),
    *(Purpose.COMMAND, Purpose.RULE, Purpose.LOOPBACK),
)
_SHORTEST = 1 + LOCAL_MAC
_SOFT_BREAK = re.compile(r"=[ \t]*\r?\n")
_RUN = re.compile(r"[a-z2-7]{17,}")  # at least _SHORTEST characters


def with_token(address: str, token: str) -> str:
    """The bounce address with the token (VERP)."""
    local, _at, domain = address.rpartition("@")
    return f"{local}+{token}@{domain}" if local else f"{token}@{domain}"


def domain_of(address: str) -> str:
    """The domain of a bounce address."""
    return address.rpartition("@")[2]


def way_of(key: bytes, text: str) -> tuple[Purpose, int] | None:
    """Purpose and row number of a token in the text; None without one that we signed.

    The text is an address, a Message-ID, an envelope id or a line that contains one, in any case: in angle brackets
    or quotes, in quoted-printable, with BATV's or SRS's parts before ours, or without its plus. The text around the
    token is not trusted: only the signature says what the token is for.
    """
    for token in _candidates(_SOFT_BREAK.sub("", text[:LONGEST_READ]).lower()):
        for purpose in _SENT:
            number = signing.read_local(key, purpose, token)
            if number is not None:
                return purpose, number
    return None


def _candidates(text: str) -> Iterator[str]:
    """The ends of long runs of base32 characters: a gateway may have put something directly before the token."""
    for count, run in enumerate(_RUN.finditer(text)):
        if count == MOST_RUNS:
            return
        letters = run[0]
        for size in range(_SHORTEST, min(len(letters), LONGEST_LOCAL_TOKEN) + 1):
            if letters[-size] == CURRENT_KEY:
                yield letters[-size:]
