"""Displays a stored message: headers, HTML, text. Accepts any bytes and never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message

# Characters that HTML may not contain, even escaped.
_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Letter:
    """Headers in order with decoded values; `html` and `text` are None if the message has none."""

    headers: list[tuple[str, str]]
    html: str | None
    text: str | None

    @property
    def sender(self) -> str:
        return self.header("From")

    @property
    def to(self) -> str:
        return self.header("To")

    def header(self, name: str) -> str:
        """The first header of that name; empty without one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def letter(raw: bytes) -> Letter:
    """Parses a message."""
    message = message_from_bytes(raw, policy=policy.compat32)
    headers = [(visible(name), visible(decoded(str(value)))) for name, value in message.items()]
    text = _body(raw, "plain")
    return Letter(headers, _body(raw, "html"), None if text is None else visible(text))


def visible(text: str) -> str:
    """The text with characters that HTML cannot contain replaced."""
    return _UNSHOWABLE.sub("\ufffd", text)


def decoded(value: str) -> str:
    """A header field's text with encoded words (RFC 2047) read, as far as they can be."""
    value = re.sub(r"\r?\n[ \t]+", " ", value)
    try:
        return str(make_header(decode_header(value)))
    except Exception:
        return value


def _body(raw: bytes, subtype: str) -> str | None:
    try:
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        part = message.get_body((subtype,))
    except Exception:
        return None
    return None if part is None else _content(part)


def _content(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("latin-1")
