"""Complete messages as bytes: multipart/alternative, 7-bit clean, text first (RFC 5322, RFC 2046).

A boundary contains `=_`, which quoted-printable text cannot, so no content can close its part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from campaigns.mail import headers, quoted_printable

LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without CRLF
Sign = Callable[[bytes, bytes], bytes]  # (header block, body) -> header fields to prepend

_FIELD = re.compile(r"^([^ \t\r\n][^:\r\n]*)", re.M)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?>")
_TOO_LONG = re.compile(r"[^\r\n]{999}")
_PART = "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """The common part of every copy of a message: built once, then joined with each copy's own fields."""

    first: str  # the fields before To, each with CRLF
    last: str  # the fields after the copy's own, except MIME's
    names: tuple[str, ...]  # of the whole block, in order
    boundary: str

    def joined(self, own: str, text: str, html: str, *, sign: Sign | None = None) -> bytes:
        """The message from a copy's own fields and its quoted-printable bodies; verified first."""
        block = f"{self.first}{own}{self.last}{_mime(self.boundary)}"
        check_block(block, self.names)
        content = _alternative(self.boundary, text, html)
        return _finished(block, content, sign)


def date(moment: datetime) -> str:
    """The moment in a Date field's format, in UTC with a numeric zone (RFC 5322 section 3.3)."""
    return _date(int(moment.timestamp()))


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def checked_message_id(value: str) -> str:
    """The value itself; raises HeaderInjection unless it is `<left@domain>`."""
    if not _MESSAGE_ID.fullmatch(value) or len(value) > 250:
        raise headers.HeaderInjection("Message-ID", "is not a message id")
    return value


def boundary_for(content: str) -> str:
    """A boundary of 40 characters, the same for the same content."""
    return "=_" + hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=19).hexdigest()


def field_names(block: str) -> tuple[str, ...]:
    """The names of the fields in the block as a reader parses them, in order."""
    return tuple(_FIELD.findall(block))


def check_block(block: str, names: tuple[str, ...]) -> None:
    """Raise HeaderInjection unless the block parses as exactly these fields, with complete CRLFs."""
    if field_names(block) != names:
        raise headers.HeaderInjection("message", "has other header fields than it should")
    breaks = block.count("\r\n")
    if breaks != block.count("\n") or breaks != block.count("\r"):
        raise headers.HeaderInjection("message", "has a bare line break")
    if "\r\n\r\n" in block or not block.endswith("\r\n"):
        raise headers.HeaderInjection("message", "has an empty line in its header")
    if _TOO_LONG.search(block):
        raise headers.HeaderInjection("message", "has a line of more than 998 characters")


def frame(first: Sequence[str], own: Sequence[str], last: Sequence[str], *, boundary: str) -> Frame:
    """A frame from complete constant fields and the names of the fields that each copy adds."""
    start, end = "".join(first), "".join(last)
    names = (*field_names(start), *own, *field_names(end), *field_names(_mime(boundary)))
    return Frame(first=start, last=end, names=names, boundary=boundary)


def build_notice(
    *,
    from_: str | tuple[str, str],
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    message_id: str,
    date: datetime,
    auto_submitted: str = "auto-generated",
    sign: Sign | None = None,
) -> bytes:
    """A notice of the app as bytes; `from_` is an address or (name, address). Auto-Submitted: RFC 3834."""
    name, sender = ("", from_) if isinstance(from_, str) else from_
    fields = [
        headers.mailbox("From", name, sender),
        headers.mailbox("To", "", to),
        headers.unstructured("Subject", subject),
        f"Date: {_date(int(date.timestamp()))}\r\n",
        f"Message-ID: {checked_message_id(message_id)}\r\n",
        headers.constant("Auto-Submitted", auto_submitted),
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n",
    ]
    if html is not None:
        made = frame(fields, (), (), boundary=boundary_for(text + html))
        return made.joined("", quoted_printable.body(text), quoted_printable.body(html), sign=sign)
    block = "".join(fields) + "MIME-Version: 1.0\r\n" + _PART.format(kind="plain")
    check_block(block, (*field_names("".join(fields)), *_MIME_NAMES))
    return _finished(block, quoted_printable.body(text), sign)


_MIME_NAMES = ("MIME-Version", "Content-Type", "Content-Transfer-Encoding")


def _mime(boundary: str) -> str:
    return f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'


def _alternative(boundary: str, text: str, html: str) -> str:
    plain, rich = _PART.format(kind="plain"), _PART.format(kind="html")
    return f"--{boundary}\r\n{plain}\r\n{text}\r\n--{boundary}\r\n{rich}\r\n{html}\r\n--{boundary}--\r\n"


def _finished(block: str, content: str, sign: Sign | None) -> bytes:
    # Line ends in the content come from `quoted_printable`; the client checks all of them again before
    # sending.
    header, body = block.encode(), b"\r\n" + content.encode("ascii")
    return header + body if sign is None else sign(header, body[2:]) + header + body
