"""The links of HTML from elsewhere: relative ones made absolute, files beside it replaced, scripts taken out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from urllib.parse import urljoin

from campaigns.content.html import markup
from campaigns.content.html.markup import Marked, Part
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError

_IN_CSS = re.compile(r"url\(([^()]{1,2000})\)", re.I)
# What has a scheme, leads into the page itself, is a merge tag or empty.
_OWN = re.compile("[a-z][a-z0-9+.-]*:|//|#|\ue000|$", re.I)
_LINKS = frozenset({"href", "src", "background", "poster"})

Change = Callable[[str], str]


def absolute(html: str, base: str) -> str:
    """The HTML with links that work in an inbox, seen from the page at `base`."""

    def change(url: str) -> str:
        if url.startswith("//"):
            return f"{base.partition(':')[0]}:{url}"
        try:
            return url if _OWN.match(url) else urljoin(base, url)
        except ValueError:  # a broken IPv6 address
            return url

    return changed(html, change)


def relative(html: str) -> list[str]:
    """The relative URLs in the HTML, each once, in order."""
    found: dict[str, None] = {}

    def note(url: str) -> str:
        if not _OWN.match(url):
            found.setdefault(url)
        return url

    changed(html, note)
    return list(found)


def changed(html: str, change: Change) -> str:
    """The HTML with each URL as `change` has it, without scripts; merge tags stay as they are."""
    document = _protected(html)
    text = document.text
    return document.restored(
        "".join(_changed(text, part, change) for part in _without_scripts(document.parts))
    )


def _protected(html: str) -> Marked:
    """The document; where its tags are another app's, they are text that is printed as written."""
    try:
        merge_text.parse(html, where="html")
    except ContentError:
        return Marked(markup.without_marks(html), "html")
    return markup.protect(html, where="html")


def _without_scripts(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        if part.name not in ("script", "base"):
            yield part


def _changed(text: str, part: Part, change: Change) -> str:
    source = text[part.start : part.end]
    if part.kind == "raw" and part.name == "style":
        return _css(source, change)
    if part.kind != "start":
        return source
    pieces, end = [], part.start
    for each in part.attributes:
        value = text[each.start : each.end]
        if each.name in _LINKS:
            value = escape(change(unescape(value.strip())))
        elif each.name == "style":
            value = _css(value, change)
        elif each.name == "srcset":
            value = ""
        pieces += [text[end : each.start], value]
        end = each.end
    return "".join([*pieces, text[end : part.end]])


def _css(source: str, change: Change) -> str:
    return _IN_CSS.sub(lambda found: f"url({_quoted(found[1].strip(), change)})", source)


def _quoted(url: str, change: Change) -> str:
    """A URL of a style sheet after the change, in the quotes that it had."""
    quote = url[:1] if url[:1] in "\"'" and url[-1:] == url[:1] and len(url) > 1 else ""
    return f"{quote}{change(url.strip(quote) if quote else url)}{quote}"
