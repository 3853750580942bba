"""The text of an HTML file, in whatever character set it was saved."""

from __future__ import annotations

import codecs
import re

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.I)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LOOKED_AT = 4096  # bytes in which a document says its character set
# What browsers read these as (WHATWG Encoding, 4.2).
_AS_BROWSERS = {"iso-8859-1": "windows-1252", "latin-1": "windows-1252", "ascii": "windows-1252",
                "us-ascii": "windows-1252", "gb2312": "gb18030", "gbk": "gb18030"}  # fmt: skip


def text_of(data: bytes, *, declared: str = "") -> str:
    """The text of an HTML file; `declared`: the character set that the answer of a server names.

    Raises Invalid for bytes that are no text.
    """
    if b"\0" in data[:_LOOKED_AT] and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Invalid(_("This file is not HTML."), field="file")
    mark = next((name for bytes_, name in _MARKS if data.startswith(bytes_)), "")
    found = _META.search(data[:_LOOKED_AT])
    said = found[1].decode("ascii") if found else ""
    for name in (mark, declared, said, "utf-8"):
        if name and (text := _decoded(data, _AS_BROWSERS.get(name.lower(), name))) is not None:
            return text
    from charset_normalizer import from_bytes  # large, and few processes read files

    guess = from_bytes(data[: 256 * 1024]).best()
    text = _decoded(data, guess.encoding) if guess else None
    return text if text is not None else data.decode("windows-1252", errors="replace")


def _decoded(data: bytes, name: str) -> str | None:
    """The text in that character set; None where it isn't one, or the bytes aren't in it."""
    try:
        if not codecs.lookup(name)._is_text_encoding:  # `zip`, `hex` and their like unpack bombs
            return None
        return data.decode(name)
    except (LookupError, ValueError):
        return None
