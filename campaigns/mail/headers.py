"""Header fields as bytes, with our own encoded-words, quoting and folding (RFC 5322, RFC 2047).

The standard library folds List-Unsubscribe into encoded-words and lets line breaks through in places.
Receivers judge us by these headers, so they are built here, and refused when in doubt.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from campaigns.core.addresses import ascii_domain

LONGEST_LINE = 78
LONGEST_ENCODED_WORD = 75
LONGEST_ENCODED_LINE = 76
MOST_CODES = 20_000  # characters whose encoding is cached

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,74}[A-Za-z0-9])?")
_PLAIN = re.compile(r"[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ADDRESS = re.compile(r"[^\s@<>()\[\]:;,\\\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_B_OPEN, _Q_OPEN, _CLOSE = "=?utf-8?b?", "=?utf-8?q?", "?="


class HeaderInjection(ValueError):
    """A value that would break the header block; `header` names the field."""

    def __init__(self, header: str, why: str) -> None:
        super().__init__(f"{header}: {why}")
        self.header = header


def visible(text: str) -> str:
    """The text on one line without control characters; each run of white space becomes one space."""
    line = " ".join(text.split())
    # Again: a control character may have stood between two spaces.
    return " ".join(_CONTROL.sub("", line).split()) if _CONTROL.search(line) else line


def refuse_control(header: str, value: str) -> str:
    """The value itself; raises HeaderInjection if it contains a control character or line separator."""
    if _CONTROL.search(value):
        raise HeaderInjection(header, "contains a control character or a line break")
    return value


def field_name(name: str) -> str:
    """The name itself; raises HeaderInjection unless it is a plain RFC 5322 field name."""
    if not _NAME.fullmatch(name):
        raise HeaderInjection(name[:40], "is not a header name")
    return name


def unstructured(header: str, text: str) -> str:
    """`Subject: …` with CRLF: folded, in encoded-words where it is not plain ASCII (RFC 2047)."""
    text = visible(text)
    line = f"{header}: {text}"
    if len(line) <= LONGEST_LINE and line.isascii() and "=?" not in line:
        return line + "\r\n"
    if _PLAIN.fullmatch(text) and "=?" not in text and _longest_word(text) < LONGEST_LINE - len(header) - 2:
        return folded(header, text.split(" "))
    return f"{header}: " + encoded_words(text, used=len(header) + 2) + "\r\n"


def mailbox(header: str, name: str, address: str) -> str:
    """`To: Name <address>` with CRLF (RFC 5322 section 3.4); removes bidi and control characters."""
    name = mailbox_name(name)
    spec = addr_spec(header, address)
    if not name:
        return f"{header}: {spec}\r\n"
    return f"{header}: {_phrase(name, used=len(header) + 2, then=len(spec) + 3)}<{spec}>\r\n"


def mailbox_name(name: str) -> str:
    """A display name on one line, without bidi and control characters; empty if nothing else is in it."""
    return _INVISIBLE.sub("", " ".join(name.split())).strip()


@lru_cache(maxsize=4096)
def _wire_domain(domain: str) -> str:
    return ascii_domain(domain)


def addr_spec(header: str, address: str) -> str:
    """The address with its domain in A-labels; raises HeaderInjection unless it is one bare address."""
    local, _at, domain = address.rpartition("@")
    try:
        spec = f"{local}@{_wire_domain(domain)}"
    except UnicodeError as error:
        raise HeaderInjection(header, "is not an address") from error
    if not _ADDRESS.fullmatch(spec) or _INVISIBLE.search(spec) or len(spec) > 320:
        raise HeaderInjection(header, "is not an address")
    return spec


def list_id(name: str, identifier: str) -> str:
    """`List-Id: "Name" <label.domain>` with CRLF (RFC 2919)."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", identifier) or len(identifier) > 255:
        raise HeaderInjection("List-Id", "is not a label and a domain")
    name = _INVISIBLE.sub("", " ".join(name.split())).strip()
    start = _phrase(name, used=9, then=len(identifier) + 3, quote=True) if name else ""
    return f"List-Id: {start}<{identifier}>\r\n"


def uris(header: str, values: list[str]) -> str:
    """`List-Unsubscribe: <…>, <…>` with CRLF: one URI per line, never encoded or broken (RFC 2369)."""
    for value in values:
        if not re.fullmatch(r"[!-;=?-~]+", value) or len(value) > 900:
            raise HeaderInjection(header, "is not a URI")
    return f"{header}: " + ",\r\n ".join(f"<{value}>" for value in values) + "\r\n"


def constant(header: str, value: str) -> str:
    """A field with its value unchanged, folded at spaces; raises HeaderInjection."""
    field_name(header)
    refuse_control(header, value)
    value = value.strip()
    return unstructured(header, value) if value else f"{header}:\r\n"


def folded(header: str, words: list[str]) -> str:
    """The words after the header's name, on lines of at most 78 characters where the words allow it."""
    lines, line = [], f"{header}:"
    for word in words:
        if len(line) + 1 + len(word) > LONGEST_LINE and line != f"{header}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]) + "\r\n"


def encoded_words(text: str, *, used: int) -> str:
    """The text as encoded-words of whole characters, one per line; `used` columns are already taken."""
    coded = [_Q_CODES[character] for character in text]
    whole = "".join(coded)
    size = len(text.encode("utf-8", "replace"))
    if len(whole) <= size * 4 // 3:
        if used + len(_Q_OPEN) + len(whole) + len(_CLOSE) <= LONGEST_ENCODED_WORD:
            return f"{_Q_OPEN}{whole}{_CLOSE}"  # as most are
        words = _packed(coded, len, used=used, per=1, units=1)
        return "\r\n ".join(f"{_Q_OPEN}{''.join(word)}{_CLOSE}" for word in words)
    characters = [character.encode("utf-8", "replace") for character in text]
    runs = _packed(characters, len, used=used, per=3, units=4)
    return "\r\n ".join(f"{_B_OPEN}{base64.b64encode(b''.join(run)).decode()}{_CLOSE}" for run in runs)


def _packed(pieces: list[T], cost: Callable[[T], int], *, used: int, per: int, units: int) -> list[list[T]]:
    """Greedy: as many pieces in a word as fit on its line (`per` bytes cost `units` columns)."""
    overhead = len(_B_OPEN) + len(_CLOSE)
    room = (LONGEST_ENCODED_LINE - used - overhead) // units * per
    longest = (LONGEST_ENCODED_WORD - overhead) // units * per
    words: list[list[T]] = [[]]
    size = 0
    for piece, width in zip(pieces, map(cost, pieces), strict=True):
        if words[-1] and size + width > room:
            words.append([])
            size, room = 0, longest
        words[-1].append(piece)
        size += width
    return words


class _Codes(dict[str, str]):
    """Each character in the "Q" encoding (RFC 2047 section 4.2), cached."""

    def __missing__(self, character: str) -> str:
        coded = "".join(
            "_" if byte == 32 else chr(byte) if byte in _Q_SAFE else f"={byte:02X}"
            for byte in character.encode("utf-8", "replace")
        )
        if len(self) < MOST_CODES:
            self[character] = coded
        return coded


_Q_CODES = _Codes()


def _phrase(name: str, *, used: int, then: int, quote: bool = False) -> str:
    """A display name, with the space or fold before the `<` that follows."""
    if _PLAIN.fullmatch(name) and "=?" not in name and len(name) <= LONGEST_LINE - used - 2:
        plain = _ATOMS.fullmatch(name) and not quote
        name = name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return name + (" " if used + len(name) + then <= LONGEST_LINE else "\r\n ")
    words = encoded_words(name, used=used)
    last = words.rpartition("\r\n ")[2]
    return words + (" " if len(last) + 1 + then <= LONGEST_ENCODED_LINE - used else "\r\n ")


def _longest_word(text: str) -> int:
    return max(map(len, text.split(" ")), default=0)
