"""The text of a block as HTML: escaped, with marks, links and merge tags."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import escape
from itertools import groupby

from jinja2 import TemplateSyntaxError

from campaigns.content.documents import hrefs, tags
from campaigns.content.documents.nodes import Mark, Node, every
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000-\ue002]")
_ELEMENTS = {"bold": "strong", "italic": "em", "underline": "u", "strike": "s", "code": "code"}
_STRONG = frozenset({"R", "AL", "L"})  # bidirectional classes (Unicode Annex 9, section 3.2)


def literal(text: str) -> str:
    """Text as HTML, in an element or a quoted attribute, in which nothing is read as a merge tag."""
    return escape(_CONTROLS.sub("", text)).replace("{", "&#123;")


@lru_cache(maxsize=512)
def with_tags(text: str) -> str:
    """A line as the value of a quoted attribute, its merge tags as they are; one that can't be read is literal.

    Conditions, loops and comments are no part of a line: with them all of it prints as it was typed.
    """
    try:
        merge_text.parse(text, where="html")
        pieces = list(merge_text.split(text))
    except (ContentError, TemplateSyntaxError):
        return literal(text)
    whole = "".join(piece for _kind, piece in pieces)  # without comments
    if whole != text or any(kind == "block" for kind, _piece in pieces):
        return literal(text)
    return "".join(piece if kind == "output" else literal(piece) for kind, piece in pieces)


def html_of(nodes: list[Node]) -> str:
    """The text of a block as HTML. Pieces of one link become one element, which is read out once."""
    written = []
    for link, pieces in groupby(nodes, key=lambda node: node.mark("link")):
        inside = "".join(_piece(node) for node in pieces)
        written.append(anchor(inside, link) if link else inside)
    return "".join(written)


def anchor(inside: str, link: Mark, *, style: str = "") -> str:
    """A link around HTML."""
    return f"{opened(link['href'], utm=link['utm'], tracked=link['tracked'], style=style)}{inside}</a>"


def opened(href: str, *, utm: tuple[tuple[str, str], ...], tracked: bool, style: str = "") -> str:
    """The start tag of a link; one without an address leads nowhere, which the checks report."""
    url = hrefs.in_attribute(hrefs.with_utm(href, utm)) if href else "#"
    return f'<a href="{url}"{"" if tracked else " data-no-track"}{style}>'


def direction(nodes: list[Node]) -> str | None:
    """ "rtl" or "ltr" by the first letter that has a direction; None without one, or where a merge tag comes first."""
    for node in every(nodes):
        if node.type == "mergeTag":
            return None
        if (found := direction_of(node.text)) is not None:
            return found
    return None


def direction_of(text: str) -> str | None:
    """ "rtl" or "ltr" by the first letter with a direction, None without one."""
    for character in text:
        if (kind := unicodedata.bidirectional(character)) in _STRONG:
            return "ltr" if kind == "L" else "rtl"
    return None


def dir_of(nodes: list[Node], *, is_rtl: bool) -> str:
    """The `dir` attribute of a block, where its text or what a merge tag prints may run the other way.

    `is_rtl`: the email as a whole runs from right to left.
    """
    may_turn = is_rtl or any(node.type == "mergeTag" or _turns(node.text) for node in every(nodes))
    return ' dir="auto"' if may_turn else ""


def _turns(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(each) in ("R", "AL") for each in text)


def _piece(node: Node) -> str:
    if node.type == "hardBreak":
        return "<br>"
    if node.type == "mergeTag":
        inside = tags.output(node.attrs["name"], fallback=node.attrs["fallback"], filter=node.attrs["filter"])
    else:
        inside = literal(node.text)
    for mark in reversed(node.marks):
        if mark.type in _ELEMENTS:
            inside = f"<{_ELEMENTS[mark.type]}>{inside}</{_ELEMENTS[mark.type]}>"
        elif mark.type == "textColor":
            inside = f'<span class="c{mark["color"][1:]}">{inside}</span>'
    return inside
