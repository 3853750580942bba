"""How deeply HTML is nested, counted so that no parser finds it deeper.

The CSS inliner recurses in native code: a few thousand levels crash the process. So depth is checked first,
and where the rules of HTML are ambiguous, an element counts as still open.
"""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.content.html import markup
from campaigns.content.html.markup import Part

DEEPEST = 300  # parsers add elements (tbody), so at most twice as deep
_CLOSED_BY_THE_NEXT = frozenset(
    ("p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "dt", "dd")
)
_CELLS = frozenset(("td", "th"))


def is_too_deep(html: str, parts: Iterable[Part], *, deepest: int = DEEPEST) -> bool:
    """Whether more than `deepest` elements may be open at once; `parts`: those of the HTML."""
    open_elements: list[str] = []
    hidden = 0  # inside SVG, parsers read raw text as tags
    for part in parts:
        if part.kind == "start" and part.name not in markup.VOID:
            _open(open_elements, part.name)
        elif part.kind == "end":
            _close(open_elements, part.name)
        elif part.kind == "raw":
            hidden += html.count("<", part.start, part.end)
        if len(open_elements) + hidden > deepest:
            return True
    return False


def has_foreign_elements(parts: Iterable[Part]) -> bool:
    """Whether there is SVG or MathML, which nest by other rules."""
    return any(part.kind == "start" and part.name in ("svg", "math") for part in parts)


def _open(open_elements: list[str], name: str) -> None:
    if name == "tr" and open_elements and open_elements[-1] in _CELLS:
        open_elements.pop()
    if name in _CLOSED_BY_THE_NEXT and open_elements and open_elements[-1] == name:
        open_elements.pop()
    open_elements.append(name)


def _close(open_elements: list[str], name: str) -> None:
    """An end tag closes its element only if all elements in between have optional end tags."""
    position = len(open_elements) - 1
    while (
        position >= 0 and open_elements[position] != name and open_elements[position] in _CLOSED_BY_THE_NEXT
    ):
        position -= 1
    if position >= 0 and open_elements[position] == name:
        del open_elements[position:]
