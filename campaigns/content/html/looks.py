"""A preview's copy of the HTML, as a reader in light or dark mode sees it. Pure; what is sent stays as it is."""

from __future__ import annotations

import re
from enum import StrEnum

from campaigns.core.i18n import _

_SHEET = re.compile(r"(<style(?=[\s>])[^>]{0,2000}>)(.*?)(</style)", re.I | re.S)
_MEDIA = re.compile(r"(\smedia\s*=\s*)(\"[^\"]{0,500}\"|'[^']{0,500}')", re.I)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.I)
_HEAD_END = re.compile(r"</head\s*>", re.I)
_SPEAKS_OF_SCHEMES = re.compile(r"color-scheme", re.I)
_ALWAYS, _NEVER = "(min-width:0)", "(max-width:0)"  # media features that always, or never, are so


class Look(StrEnum):
    """How a preview shows an email."""

    HTML = "html"
    DARK = "dark"
    NO_IMAGES = "images-off"
    TEXT = "text"

    @property
    def label(self) -> str:
        return {
            Look.HTML: _("HTML"),
            Look.DARK: _("Dark mode"),
            Look.NO_IMAGES: _("Images off"),
            Look.TEXT: _("Text"),
        }[self]


def look(text: str | None) -> Look:
    """The look of that name; HTML for any other."""
    return Look(text) if text in set(Look) else Look.HTML


def seen(html: str, look: Look) -> str:
    """The HTML with its rules for dark mode on in that look and off in others, whatever the browser prefers."""
    if not _SPEAKS_OF_SCHEMES.search(html):
        return html
    is_dark = look is Look.DARK
    html = _SHEET.sub(lambda found: found[1] + _settled(found[2], is_dark) + found[3], html)
    html = _MEDIA.sub(lambda found: found[1] + _settled(found[2], is_dark), html)
    scheme = f"<style>:root{{color-scheme:{'dark' if is_dark else 'light'}}}</style>"
    end = _HEAD_END.search(html)
    return html[: end.start()] + scheme + html[end.start() :] if end else html


def _settled(css: str, is_dark: bool) -> str:
    wanted = "dark" if is_dark else "light"
    return _SCHEME.sub(lambda found: _ALWAYS if found[1].lower() == wanted else _NEVER, css)
