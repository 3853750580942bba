"""Attachments and inline images as parts of a message, encoded once for all copies (RFC 2045, 2183, 2231, 2387)."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

LARGEST_TOTAL = 10 * 1024 * 1024  # bytes of one email's files: many servers refuse messages above 10 to 25 MB
LONGEST_NAME = 150  # characters of a file's name
_LINE = 57  # bytes that make a line of 76 characters in base64 (RFC 2045 section 6.8)
_VALUE = 48  # characters of a value in one piece of a parameter (RFC 2231 section 3)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_. -]{1,60}")
_KIND = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_ID = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,100}")
OTHER = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Part:
    """A file that goes with a message; with a `content_id`, it is shown inside the HTML (`cid:`)."""

    name: str
    kind: str  # like "image/png"
    data: bytes
    content_id: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What stands around the alternatives: the type of the whole, and the text before and after them."""

    content_type: str
    before: str
    after: bytes


def wrapped(parts: Sequence[Part], *, inside: str) -> Wrapping | None:
    """The parts around a body of type `inside`; None without any.

    Files shown inside the HTML are related to it (RFC 2387), others are attached to both (RFC 2046 section 5.1.3).
    """
    shown = [part for part in parts if part.content_id]
    attached = [part for part in parts if not part.content_id]
    made = None
    if shown:
        made = _around(made, inside, "related", shown, '; type="multipart/alternative"')
    if attached:
        made = _around(made, inside, "mixed", attached, "")
    return made


def clean_name(name: str) -> str:
    """A file's name without folders, control characters and marks that turn its direction; never empty."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(each for each in last if unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = " ".join(kept.split()).strip(". ")
    if len(kept) > LONGEST_NAME:
        stem, dot, ending = kept.rpartition(".")
        short = ending if dot and len(ending) <= 10 else ""
        kept = f"{(stem if short else kept)[: LONGEST_NAME - len(short) - 1].rstrip()}{'.' if short else ''}{short}"
    return kept or "file"


def parameter(name: str, value: str) -> str:
    """A parameter of a field on lines of its own: quoted where that is possible, else encoded (RFC 2231)."""
    if _PLAIN_NAME.fullmatch(value):
        return f';\r\n {name}="{value}"'
    coded = quote(value, safe="", encoding="utf-8", errors="replace")
    if len(coded) <= _VALUE:
        return f";\r\n {name}*=utf-8''{coded}"
    pieces = _cut(coded)
    first = f";\r\n {name}*0*=utf-8''{pieces[0]}"
    return first + "".join(
        f";\r\n {name}*{number}*={each}" for number, each in enumerate(pieces[1:], start=1)
    )


def _cut(coded: str) -> list[str]:
    """Pieces of percent-encoded text, none cut inside `%XX`."""
    pieces, position = [], 0
    while position < len(coded):
        end = position + _VALUE
        percent = coded.find("%", max(position, end - 2), end)
        end = percent if percent >= 0 and end < len(coded) else end
        pieces.append(coded[position:end])
        position = end
    return pieces


def _around(made: Wrapping | None, inside: str, kind: str, parts: Sequence[Part], more: str) -> Wrapping:
    boundary = _boundary(parts, kind)
    inner = made.content_type if made else inside
    before = f"--{boundary}\r\nContent-Type: {inner}\r\n\r\n" + (made.before if made else "")
    coded = b"".join(b"--" + boundary.encode() + b"\r\n" + _coded(part) for part in parts)
    after = (made.after if made else b"") + b"\r\n" + coded + f"--{boundary}--\r\n".encode()
    return Wrapping(f'multipart/{kind};\r\n boundary="{boundary}"{more}', before, after)


def _coded(part: Part) -> bytes:
    kind = (
        part.kind
        if _KIND.fullmatch(part.kind) and not part.kind.startswith(("message/", "multipart/"))
        else OTHER
    )
    name = clean_name(part.name)
    fields = [
        f"Content-Type: {kind}{parameter('name', name)}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {'inline' if part.content_id else 'attachment'}{parameter('filename', name)}",
    ]
    if part.content_id:
        if not _ID.fullmatch(part.content_id):
            raise ValueError(f"not a Content-ID: {part.content_id!r}")
        fields.append(f"Content-ID: <{part.content_id}>")
    head = "\r\n".join(fields).encode("ascii")
    return head + b"\r\n\r\n" + _base64(part.data) + b"\r\n"


def _base64(data: bytes) -> bytes:
    lines = [base64.b64encode(data[start : start + _LINE]) for start in range(0, len(data), _LINE)]
    return b"\r\n".join(lines)


def _boundary(parts: Sequence[Part], kind: str) -> str:
    """The same for the same files. `=_` stands in no base64 and in no quoted-printable text."""
    seen = "".join(f"{part.digest}{part.name}{part.content_id}" for part in parts)
    return "=_" + hashlib.blake2b(f"{kind} {seen}".encode("utf-8", "replace"), digest_size=19).hexdigest()
