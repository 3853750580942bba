"""Finds rules for phones, in `@media`, that have no effect because they lack `!important`.

Style sheets are copied into style attributes, which override every rule without `!important`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.content.html import inliner
from campaigns.content.html.markup import Marked, Part
from campaigns.content.language.merge_text import ContentError

# A message's style sheet has a few dozen; more are not examined.
MOST_DECLARATIONS, MOST_ELEMENTS = 500, 500

_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.S)
_PIECE = re.compile(r"[{};]")
_COMPOUND = re.compile(r"([a-zA-Z][\w-]*|\*)?((?:[.#][\w-]+)*)")
_COMBINATOR = re.compile(r"[\s>+~]+")
_NAMES = re.compile(r"([.#])([\w-]+)")


@dataclass(frozen=True, slots=True)
class Lost:
    """A declaration without effect, and the position of its rule in the document."""

    selector: str
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class _Element:
    tag: str
    names: frozenset[str]  # classes with a dot, ids with a #
    properties: frozenset[str]


def lost(document: Marked) -> Iterator[Lost]:
    """Declarations in the author's `@media` rules that have no effect, once each."""
    every = (each for part in document.parts for each in _for_media(document.text, part))
    declarations: dict[tuple[str, str], Lost] = {}
    for each in itertools.islice(every, MOST_DECLARATIONS):
        declarations.setdefault((each.selector, each.name), each)
    elements = list(itertools.islice(_elements(document), MOST_ELEMENTS)) if declarations else []
    for each in declarations.values():
        compound = _last_compound(each.selector)
        if compound and any(_hides(element, *compound, each.name) for element in elements):
            yield each


def _for_media(text: str, part: Part) -> Iterator[Lost]:
    if part.kind != "raw" or part.name != "style":
        return
    source = text[part.start : part.end]
    sheet = _COMMENT.sub(lambda found: " " * len(found[0]), source)  # positions stay the same
    blocks: list[str] = []  # what precedes each open brace
    begun = 0
    for found in _PIECE.finditer(sheet):
        piece = sheet[begun : found.start()]
        if found[0] == "{":
            blocks.append(piece.strip())
        else:
            if len(blocks) > 1 and blocks[0].lower().startswith("@media"):
                yield from _declared(blocks[-1], piece, part.start + begun)
            if found[0] == "}" and blocks:
                blocks.pop()
        begun = found.end()


def _declared(selectors: str, declaration: str, position: int) -> Iterator[Lost]:
    name, colon, value = declaration.partition(":")
    if not colon or "!important" in value.lower().replace(" ", ""):
        return
    for selector in selectors.split(","):
        yield Lost(selector.strip(), name.strip().lower(), position)


def _elements(document: Marked) -> set[_Element]:
    """The elements, by their style attributes after inlining."""
    inlined = Marked(document.text, document.where, list(document.tags))
    try:
        inliner.inline(inlined)
    except ContentError:  # reported as a template error
        return set()
    return {_element(inlined.text, part) for part in inlined.parts if part.kind == "start"}


def _element(text: str, part: Part) -> _Element:
    values = {each.name: text[each.start : each.end] for each in part.attributes}
    names = {f".{each}" for each in values.get("class", "").split()}
    if values.get("id"):
        names.add(f"#{values['id']}")
    declared = (each.partition(":")[0].strip().lower() for each in values.get("style", "").split(";"))
    return _Element(part.name, frozenset(names), frozenset(filter(None, declared)))


def _last_compound(selector: str) -> tuple[str, frozenset[str]] | None:
    """Tag and names of the element that a selector matches; None for more complex selectors."""
    found = _COMPOUND.fullmatch(_COMBINATOR.split(selector)[-1])
    if not selector or found is None:
        return None
    tag = found[1] or "*"
    return tag.lower(), frozenset(mark + name for mark, name in _NAMES.findall(found[2]))


def _hides(element: _Element, tag: str, names: frozenset[str], declared: str) -> bool:
    """Whether the element has its own value for the property that the rule sets."""
    if tag not in ("*", element.tag) or not names <= element.names:
        return False
    return any(
        own == declared or own.startswith(f"{declared}-") or declared.startswith(f"{own}-")
        for own in element.properties
    )
