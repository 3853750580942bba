"""Bytes to text: transfer encodings, charsets, HTML. Takes anything and gives some text."""

from __future__ import annotations

import binascii
import codecs
import html
import quopri
import re
from email import errors
from email.header import decode_header

from campaigns.inbound.reading import limits

# What is called by these names is more than the standard of that name holds.
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "unknown-8bit": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
}
_ONE_BYTE = ("iso-8859", "windows-125", "cp125", "koi8", "us-ascii", "ascii", "latin")
_NEWLINE_TAGS = (
    *("br", "p", "/p", "div", "/div", "tr", "/tr", "td", "li", "/li", "hr", "h1", "h2", "h3", "table"),
    *("/h1", "/h2", "/h3", "/table", "pre", "/pre", "blockquote", "/blockquote"),
)
_HIDDEN = ("style", "script", "head", "title")


def transferred(body: bytes, encoding: str) -> bytes:
    """The body without its transfer encoding; as it stands where it isn't of that encoding."""
    body = body[: limits.TEXT]
    encoding = encoding.strip().lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding == "base64":
        return _from_base64(body)
    return body


def _from_base64(body: bytes) -> bytes:
    packed = b"".join(body.split())
    for end in (len(packed) - len(packed) % 4, len(packed) // 4 * 4 - 4):
        try:
            return binascii.a2b_base64(packed[: max(0, end)])
        except binascii.Error:
            continue
    return body


def text_of(content: bytes, charset: str) -> str:
    """The content as text, by the charset that it names, or else by what it looks like.

    Without what no database takes: zero bytes, and halves of a pair, which UTF-7 may contain.
    """
    text = _text_of(content, charset)
    return text if _STORABLE.fullmatch(text) else _UNSTORABLE.sub("\ufffd", text)


_STORABLE = re.compile(r"[^\0\ud800-\udfff]*")
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")


def _text_of(content: bytes, charset: str) -> str:
    if content.isascii() and b"\x1b" not in content and not charset.lower().startswith("utf-7"):
        return content.decode("ascii")
    if b"\x1b$" in content or b"\x1b(" in content:  # ISO 2022, whatever it is called
        charset = charset if charset.lower().startswith("iso-2022") else "iso-2022-jp"
    if charset.lower().startswith(_ONE_BYTE) and (text := _decoded(content, "utf-8")) is not None:
        return text  # what is UTF-8 by chance is nothing but ASCII
    for name in (charset, "utf-8", "gb18030" if _is_dense(content) else "cp1252"):
        text = _decoded(content, name)
        if text is not None:
            return text
    return content.decode("latin-1")


def _decoded(content: bytes, charset: str) -> str | None:
    name = charset.strip().strip("\"'").lower()
    name = _WIDER.get(name, name)
    if not name:
        return None
    try:
        if codecs.lookup(name).name in _NO_CHARSETS:
            return None
        return content.decode(name, "replace" if name.startswith("iso-2022") else "strict")
    except (LookupError, UnicodeError, ValueError):
        return None


_NO_CHARSETS = {
    *("rot13", "hex", "base64", "bz2", "zlib", "uu", "quopri", "undefined", "idna", "punycode"),
    *("unicode-escape", "raw-unicode-escape"),
}


def _is_dense(content: bytes) -> bool:
    """Whether bytes above ASCII stand in pairs as in Chinese, rather than one by one as in Europe."""
    high = sum(byte > 0x7F for byte in content[:2_000])
    return high > len(content[:2_000]) // 3


def words_of(value: str) -> str:
    """A header's value with its encoded words decoded (RFC 2047); broken ones stay as they are."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (errors.HeaderParseError, ValueError, IndexError, binascii.Error):
        return value
    texts = [piece if isinstance(piece, str) else text_of(piece, charset or "") for piece, charset in pieces]
    return "".join(texts)


def plain(markup: str) -> str:
    """The text of an HTML part, a line for each block."""
    out: list[str] = []
    at = 0
    lower = markup.lower()
    while (start := markup.find("<", at)) >= 0:
        out.append(markup[at:start].replace("\n", " "))
        end = markup.find(">", start)
        if end < 0:
            break
        tag = _tag_name(lower[start + 1 : min(end, start + 20)])
        if tag in _HIDDEN:
            close = lower.find(f"</{tag}", end)
            end = markup.find(">", close) if close >= 0 else -1
            if end < 0:
                return html.unescape("".join(out))
        elif "@" in (address := markup[start + 1 : min(end, start + 320)]) and " " not in address:
            out.append(f"<{address}>")  # an address that nobody escaped
        if tag in _NEWLINE_TAGS:
            out.append("\n")
        at = end + 1
    else:
        out.append(markup[at:].replace("\n", " "))
    return html.unescape("".join(out)).replace("\xa0", " ")


def _tag_name(start: str) -> str:
    pieces = start.split(None, 1)
    return pieces[0].rstrip("/") if pieces else ""
