"""Text in wire format: UTF-8, CRLF, quoted-printable, in pieces that can be joined.

Every piece begins at the start of a physical line and ends with a hard or soft line break. So pieces made at
different times (the constant text once, a name for each recipient) are joined without reading them again, and
decode to exactly their texts.
"""

from __future__ import annotations

import re

LONGEST_LINE = 76  # RFC 2045 section 6.7, without CRLF
SOFT_BREAK = "=\r\n"

_NEWLINE = re.compile(r"\r\n|\r|\n")
_SIMPLE = re.compile(r"(?!From )[ -<>-~]{1,75}")
_CODED = re.compile(r"[^\t -~]+")
_TRAILING = {" ": "=20", "\t": "=09"}


def piece(text: str) -> str:
    """The text in quoted-printable (ASCII), ending in a soft line break unless the text ends in one."""
    if _SIMPLE.fullmatch(text):
        return text + SOFT_BREAK
    if not text:
        return ""
    lines = _NEWLINE.split(text)
    coded = [_hard_line(line) + "\r\n" for line in lines[:-1]]
    if lines[-1]:
        coded.append(_wrapped(_coded(lines[-1])) + SOFT_BREAK)
    return "".join(coded)


def body(text: str) -> str:
    """A complete body in quoted-printable: like `piece`, but always ends in a hard line break."""
    coded = piece(text)
    return coded + "\r\n" if not coded or coded.endswith(SOFT_BREAK) else coded


def _hard_line(line: str) -> str:
    coded = _coded(line)
    if coded[-1:] in _TRAILING:
        coded = coded[:-1] + _TRAILING[coded[-1]]
    return _wrapped(coded)


def _coded(line: str) -> str:
    coded = line.replace("=", "=3D") if "=" in line else line
    return _CODED.sub(_hexadecimal, coded)


def _hexadecimal(found: re.Match[str]) -> str:
    """Characters that are not printed in ASCII; half a surrogate pair becomes a question mark."""
    return f"={found[0].encode('utf-8', 'replace').hex('=').upper()}".replace("=3F", "?")


def _wrapped(coded: str) -> str:
    """Cut into physical lines, never inside `=XX`; none begins with `From `, which mail stores change."""
    lines = []
    position = 0
    while True:
        if coded.startswith("From ", position):
            coded = "=46" + coded[position + 1 :]
            position = 0
        if len(coded) - position < LONGEST_LINE:
            lines.append(coded[position:])
            return SOFT_BREAK.join(lines)
        end = position + LONGEST_LINE - 1
        escape = coded.find("=", end - 2, end)
        end = escape if escape >= 0 else end
        lines.append(coded[position:end])
        position = end
