"""Complete messages as bytes: multipart/alternative, 7-bit clean, text first (RFC 5322, RFC 2046).

A boundary contains `=_`, which quoted-printable text cannot, so no content can close its part.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from campaigns.mail import headers, quoted_printable
from campaigns.mail.mime.parts import Part, Wrapping, wrapped

LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without CRLF
Sign = Callable[[bytes, bytes], bytes]  # (header block, body) -> header fields to prepend

_FIELD = re.compile(r"^([^ \t\r\n][^:\r\n]*)", re.M)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?>")
_TOO_LONG = re.compile(r"[^\r\n]{999}")
_CODED = "Content-Transfer-Encoding: quoted-printable\r\n"
_CALENDAR = f"Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n{_CODED}"
_PART = "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """The common part of every copy of a message: built once, then joined with each copy's own fields."""

    first: str  # the fields before To, each with CRLF
    last: str  # the fields after the copy's own, except MIME's
    names: tuple[str, ...]  # of the whole block, in order
    boundary: str
    wrapping: Wrapping | None = None  # its files, encoded once for all copies

    def joined(
        self, own: str, text: str, html: str, *, calendar: str = "", sign: Sign | None = None
    ) -> bytes:
        """The message from a copy's own fields and its quoted-printable bodies; verified first.

        `calendar`: an invitation, which is the last alternative (RFC 6047 section 2.4).
        """
        block = f"{self.first}{own}{self.last}{_mime(self.boundary, self.wrapping)}"
        check_block(block, self.names)
        content = _alternative(self.boundary, text, html, calendar)
        return _finished(block, content, sign, self.wrapping)

    def around(self) -> tuple[str, tuple[str, str], str]:
        """What is constant in a message without files: before its own fields, before text and HTML, and the end.

        For whoever joins it with fields that `check_block` would let pass; what is constant is verified here.
        """
        constant = f"{self.last}{_mime(self.boundary)}"
        check_block(self.first + constant, tuple(field_names(self.first + constant)))
        if not self.first.isascii() or not constant.isascii():
            raise headers.HeaderInjection("message", "has letters beyond ASCII in its header")
        before_text, before_html, end = _around_bodies(self.boundary)
        return self.first, (f"{constant}\r\n{before_text}", before_html), end


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


def frame(
    first: Sequence[str],
    own: Sequence[str],
    last: Sequence[str],
    *,
    boundary: str,
    parts: Sequence[Part] = (),
) -> Frame:
    """A frame from complete constant fields, the names of the fields that each copy adds, and files."""
    wrapping = wrapped(parts, inside=_inside(boundary))
    start, end = "".join(first), "".join(last)
    names = (*field_names(start), *own, *field_names(end), *field_names(_mime(boundary)))
    return Frame(first=start, last=end, names=names, boundary=boundary, wrapping=wrapping)


def build_notice(
    *,
    from_: str | tuple[str, str],
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    message_id: str,
    date: datetime,
    more: Mapping[str, str] | None = None,
    attached: bytes | None = None,
    sign: Sign | None = None,
) -> bytes:
    """A notice of the app as bytes; `from_` is an address or (name, address).

    `more`: other header fields, and another Auto-Submitted (RFC 3834); `attached`: a message that goes with the text.
    """
    name, sender = ("", from_) if isinstance(from_, str) else from_
    own = dict(more or {})
    fields = [
        headers.mailbox("From", name, sender),
        headers.mailbox("To", "", to),
        headers.unstructured("Subject", subject),
        f"Date: {_date(int(date.timestamp()))}\r\n",
        f"Message-ID: {checked_message_id(message_id)}\r\n",
        headers.constant("Auto-Submitted", own.pop("Auto-Submitted", "auto-generated")),
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n",
        *(_field(each, value) for each, value in own.items()),
    ]
    if html is not None:
        made = frame(fields, (), (), boundary=boundary_for(text + html))
        return made.joined("", quoted_printable.body(text), quoted_printable.body(html), sign=sign)
    if attached is not None:
        return _with_attached(fields, quoted_printable.body(text), attached, sign)
    block = "".join(fields) + "MIME-Version: 1.0\r\n" + _PART.format(kind="plain")
    check_block(block, (*field_names("".join(fields)), *_MIME_NAMES))
    return _finished(block, quoted_printable.body(text), sign)


_MIME_NAMES = ("MIME-Version", "Content-Type", "Content-Transfer-Encoding")
_OF_IDS = ("In-Reply-To", "References")


def _field(name: str, value: str) -> str:
    """Another field: an address in Reply-To, ids in those of a thread, else a text."""
    if name == "Reply-To":
        return headers.mailbox(name, "", value)
    if name in _OF_IDS:
        return headers.folded(name, headers.refuse_control(name, value).split(" "))
    return headers.constant(name, value)


def _with_attached(fields: Sequence[str], text: str, attached: bytes, sign: Sign | None) -> bytes:
    """A text and a message beneath it, as it came; in base64, and then only a file, where it has 8-bit text.

    No transfer encoding is allowed for a message (RFC 2046 section 5.2.1).
    """
    lines = attached.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    is_plain = attached.isascii() and b"\0" not in attached and max(map(len, lines)) <= LONGEST_LINE
    if is_plain:
        kind, content = "message/rfc822", b"\r\n".join(lines).decode("ascii")
        encoding = "7bit"
    else:
        kind, encoding = 'application/octet-stream; name="message.eml"', "base64"
        content = base64.encodebytes(attached).decode("ascii").replace("\n", "\r\n")
    boundary = boundary_for(text + content)
    names = ("MIME-Version", "Content-Type")
    block = (
        "".join(fields) + f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n'
    )
    check_block(block, (*field_names("".join(fields)), *names))
    body = (
        f"--{boundary}\r\n{_PART.format(kind='plain')}\r\n{text}\r\n--{boundary}\r\n"
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n"
        f'Content-Disposition: attachment; filename="message.eml"\r\n\r\n{content}\r\n--{boundary}--\r\n'
    )
    return _finished(block, body, sign)


def _mime(boundary: str, wrapping: Wrapping | None = None) -> str:
    kind = wrapping.content_type if wrapping else _inside(boundary)
    return f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n"


def _inside(boundary: str) -> str:
    return f'multipart/alternative;\r\n boundary="{boundary}"'


def _alternative(boundary: str, text: str, html: str, calendar: str = "") -> str:
    before_text, before_html, end = _around_bodies(boundary)
    invitation = f"\r\n--{boundary}\r\n{_CALENDAR}\r\n{calendar}" if calendar else ""
    return f"{before_text}{text}{before_html}{html}{invitation}{end}"


@lru_cache(maxsize=16)
def _around_bodies(boundary: str) -> tuple[str, str, str]:
    """What stands before the text, between it and the HTML, and at the end."""
    plain, rich = _PART.format(kind="plain"), _PART.format(kind="html")
    return f"--{boundary}\r\n{plain}\r\n", f"\r\n--{boundary}\r\n{rich}\r\n", f"\r\n--{boundary}--\r\n"


def _finished(block: str, content: str, sign: Sign | None, wrapping: Wrapping | None = None) -> bytes:
    # Line ends in the content come from `quoted_printable`; the client checks all of them again before
    # sending.
    header = block.encode()
    if wrapping is None:
        body = b"\r\n" + content.encode("ascii")
        return header + body if sign is None else sign(header, body[2:]) + header + body
    # Joined once: the files are the most of it.
    inner = f"{wrapping.before}{content}".encode("ascii")
    first = b"" if sign is None else sign(header, inner + wrapping.after)
    return b"".join((first, header, b"\r\n", inner, wrapping.after))
