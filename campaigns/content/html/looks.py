"""A preview's copy of the HTML, as a reader in light or dark mode sees it. Pure; what is sent stays as it is."""

from __future__ import annotations

import re
from enum import StrEnum

from campaigns.core.i18n import _

_SHEET = re.compile(r"<style(?=[\s>])", re.I)
_SHEET_END = re.compile(r"</style", re.I)
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
    html = _with_sheets(html, is_dark)
    html = _MEDIA.sub(lambda found: found[1] + _settled(found[2], is_dark), html)
    scheme = f"<style>:root{{color-scheme:{'dark' if is_dark else 'light'}}}</style>"
    end = _HEAD_END.search(html)
    return html[: end.start()] + scheme + html[end.start() :] if end else html


def _with_sheets(html: str, is_dark: bool) -> str:
    """The HTML with its style sheets settled; each part is read once, closed or not."""
    parts, end = [], 0
    while begun := _SHEET.search(html, end):
        closed = _SHEET_END.search(html, begun.end())
        stop = closed.end() if closed else len(html)
        parts += [html[end : begun.start()], _settled(html[begun.start() : stop], is_dark)]
        end = stop
    return "".join([*parts, html[end:]])


def _settled(css: str, is_dark: bool) -> str:
    wanted = "dark" if is_dark else "light"
    return _SCHEME.sub(lambda found: _ALWAYS if found[1].lower() == wanted else _NEVER, css)
