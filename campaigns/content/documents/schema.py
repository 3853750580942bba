"""The schema of the block document: what may stand where. Reads JSON text, or refuses it with path and sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from campaigns.content.documents import attributes, reading, snippets, style, tags
from campaigns.content.documents.attributes import Attribute, choice, number, text, yes_or_no
from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.nodes import VERSION, Document, Mark, Node
from campaigns.content.documents.reading import DEEPEST, TOO_DEEP, clean
from campaigns.core.i18n import _

LONGEST_TEXT = 100_000  # characters of one piece of text
DEEPEST_LISTS = 4
DEEPEST_CONDITIONS = 4
NETWORKS = (
    *("website", "facebook", "instagram", "x", "linkedin", "youtube", "tiktok"),
    *("mastodon", "bluesky", "threads", "github", "wechat", "weibo"),
)
RATIOS = {"1:1": (1, 1), "1:2": (1, 2), "2:1": (2, 1), "1:1:1": (1, 1, 1), "1:1:1:1": (1, 1, 1, 1)}
# Makes of plain data of an older version that of the next one.
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

_LISTS = frozenset({"bulletList", "orderedList"})
_BLOCKS = frozenset(
    ("heading", "paragraph", "blockquote", "image", "button", "divider", "spacer", "social", "codeBlock")
) | _LISTS | {"html", "personal"}  # fmt: skip
_INLINE = frozenset({"text", "hardBreak", "mergeTag"})
_MARKED = frozenset({"heading", "paragraph"})  # whose text may be marked

_ALIGN = Attribute(choice("left", "center", "right"), "left")
_MIDDLE = Attribute(choice("left", "center", "right"), "center")
_HREF = Attribute(attributes.href, "")
_LINKED = {"href": _HREF, "tracked": Attribute(yes_or_no, True), "utm": Attribute(attributes.utm, ())}


def _named(refusal: Callable[[str], Any | None]) -> attributes.Check:
    def check(value: Any, path: str) -> str:
        name = text(200)(value, path)
        if name and (reason := refusal(name)) is not None:
            raise DocumentError(path, reason)
        return name

    return check


def _links(value: Any, path: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list) or len(value) > 2 * len(NETWORKS):
        raise DocumentError(path, _("Use a list of at most %(most)d links.", most=2 * len(NETWORKS)))
    known = {"network": Attribute(choice(*NETWORKS), "website"), "url": _HREF}
    return tuple(attributes.filled(each, known, f"{path}[{position}]") for position, each in enumerate(value))


_FIELD = Attribute(_named(tags.name_refusal), "")
NODES: dict[str, dict[str, Attribute]] = {
    "heading": {"level": Attribute(number(1, 3), 1), "align": _ALIGN},
    "paragraph": {"align": _ALIGN},
    "bulletList": {},
    "orderedList": {"start": Attribute(number(0, 100_000), 1)},
    "listItem": {},
    "blockquote": {},
    "image": {
        "src": Attribute(attributes.source, ""),
        "alt": Attribute(text(1000), ""),
        "width": Attribute(number(1, 2000)),
        "align": _MIDDLE,
        "rounded": Attribute(yes_or_no, False),
        **_LINKED,
    },
    "button": {
        "align": _ALIGN,
        "kind": Attribute(choice("filled", "outline"), "filled"),
        "full": Attribute(yes_or_no, False),
        **_LINKED,
    },
    "divider": {},
    "spacer": {"height": Attribute(number(8, 120), 24)},
    "columns": {"ratio": Attribute(choice(*RATIOS), "1:1"), "stacks": Attribute(yes_or_no, True)},
    "column": {},
    "card": {"background": Attribute(attributes.colour)},
    "social": {
        "align": _MIDDLE,
        "look": Attribute(choice("text", "icons"), "text"),
        "links": Attribute(_links, ()),
    },
    "codeBlock": {"language": Attribute(text(50), "")},  # editors note it; it isn't shown
    "html": {"source": Attribute(snippets.checked, "")},
    "personal": {
        "field": _FIELD,
        "operator": Attribute(choice(*tags.OPERATORS), "is_set"),
        "value": Attribute(text(1000), ""),
    },
    "text": {},
    "hardBreak": {},
    "mergeTag": {
        "name": _FIELD,
        "fallback": Attribute(text(1000), ""),
        "filter": Attribute(_named(tags.filter_refusal)),
    },
}
MARKS: dict[str, dict[str, Attribute]] = {
    "bold": {},
    "italic": {},
    "underline": {},
    "strike": {},
    "code": {},
    "textColor": {"color": Attribute(attributes.colour)},
    "link": _LINKED,
}
_KEYS = frozenset({"type", "attrs", "content", "marks"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where nodes stand: which are allowed, whether their text may be marked, and how deep that is."""

    allowed: frozenset[str]
    marked: bool = False
    level: int = 1
    lists: int = 0
    conditions: int = 0


_TOP = _Place(_BLOCKS | {"columns", "card"})


def read(written: str) -> Document:
    """The document in that JSON text; raises DocumentError with the path of what is wrong."""
    data = _upgraded(reading.loaded(written))
    attributes.no_others(data, ("version", "style", "content"), "")
    return Document(style.checked(data.get("style"), "style"), blocks(data.get("content"), "content"))


def blocks(given: Any, path: str) -> list[Node]:
    """Checked blocks, as they may stand at the top of a document; raises DocumentError."""
    if reading.count(given) > reading.MOST_NODES:
        raise DocumentError(path, _("Use at most %(number)d blocks.", number=reading.MOST_NODES))
    found: list[Node] = []
    waiting = [(given, path, _TOP, found)]
    while waiting:
        nodes, at, place, kept = waiting.pop()
        for position, each in enumerate(_list(nodes, at)):
            here = f"{at}[{position}]"
            node = _node(each, here, place)
            kept.append(node)
            if (inside := each.get("content")) is not None:
                waiting.append((inside, f"{here}.content", _within(node.type, place, here), node.content))
            elif node.type == "columns":
                raise DocumentError(here, _COLUMNS)
    return found


_COLUMNS = _("Columns need 2 to 4 columns, as many as their ratio says.")


def _upgraded(data: dict[str, Any]) -> dict[str, Any]:
    version = data.get("version", VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
        raise DocumentError("version", _("This version isn't known. Use %(version)d.", version=VERSION))
    for step in range(version, VERSION):
        data = UPGRADES[step](data)
    return data


def _list(nodes: Any, path: str) -> list[Any]:
    if not isinstance(nodes, list):
        raise DocumentError(path, _("This must be a list of blocks."))
    return nodes


def _node(given: Any, path: str, place: _Place) -> Node:
    type_ = given.get("type") if isinstance(given, dict) else None
    if not isinstance(type_, str) or type_ not in NODES:
        raise DocumentError(path, _("There is no block “%(name)s”.", name=clean(str(type_))))
    if type_ not in place.allowed:
        raise DocumentError(path, _("A “%(name)s” can't stand here.", name=type_))
    if place.level > DEEPEST:
        raise DocumentError(path, TOO_DEEP)
    attributes.no_others(given, _KEYS | {"text"} if type_ == "text" else _KEYS, path)
    values = attributes.filled(given.get("attrs"), NODES[type_], f"{path}.attrs")
    if type_ in ("mergeTag", "personal") and not values.get("name", values.get("field")):
        raise DocumentError(f"{path}.attrs", _("Choose a field."))
    written = text(LONGEST_TEXT)(given.get("text", ""), f"{path}.text") if type_ == "text" else ""
    if type_ == "columns":
        _count_columns(given, values, path)
    return Node(type_, values, text=written, marks=_marks(given.get("marks"), f"{path}.marks", place))


def _count_columns(given: dict[str, Any], values: dict[str, Any], path: str) -> None:
    if len(_list(given.get("content"), f"{path}.content")) != len(RATIOS[values["ratio"]]):
        raise DocumentError(path, _COLUMNS)


def _marks(given: Any, path: str, place: _Place) -> tuple[Mark, ...]:
    if not given:
        return ()
    if not place.marked:
        raise DocumentError(path, _("This text can't be marked."))
    if not isinstance(given, list) or len(given) > len(MARKS):
        raise DocumentError(path, _("This must be a list of marks, each once."))
    marks = tuple(_mark(each, f"{path}[{position}]") for position, each in enumerate(given))
    if len({mark.type for mark in marks}) < len(marks):
        raise DocumentError(path, _("This must be a list of marks, each once."))
    return marks


def _mark(given: Any, path: str) -> Mark:
    type_ = given.get("type") if isinstance(given, dict) else None
    if not isinstance(type_, str) or type_ not in MARKS:
        raise DocumentError(path, _("There is no mark “%(name)s”.", name=clean(str(type_))))
    attributes.no_others(given, ("type", "attrs"), path)
    values = attributes.filled(given.get("attrs"), MARKS[type_], f"{path}.attrs")
    return Mark(type_, tuple(values.items()))


def _within(type_: str, place: _Place, path: str) -> _Place:
    """What may stand inside a node of that type that stands there; raises DocumentError."""
    if type_ == "personal" and place.conditions >= DEEPEST_CONDITIONS:
        raise DocumentError(path, _("Personal blocks are nested too deeply here. Use at most 4 levels."))
    if type_ in _LISTS and place.lists >= DEEPEST_LISTS:
        raise DocumentError(path, _("Lists are nested too deeply here. Use at most 4 levels."))
    return _inside(type_, place)


@lru_cache(maxsize=1000)
def _inside(type_: str, place: _Place) -> _Place:
    inner = replace(place, level=place.level + 1, marked=type_ in _MARKED)
    if type_ == "personal":
        return replace(inner, conditions=place.conditions + 1)
    if type_ in _LISTS:
        return replace(inner, allowed=frozenset({"listItem"}), lists=place.lists + 1)
    return replace(inner, allowed=_INSIDE.get(type_, frozenset()))


_INSIDE = {
    "heading": _INLINE,
    "paragraph": _INLINE,
    "listItem": _LISTS | {"paragraph"},
    "blockquote": frozenset({"paragraph"}),
    "button": frozenset({"text", "mergeTag"}),
    "codeBlock": frozenset({"text"}),
    "columns": frozenset({"column"}),
    "column": _BLOCKS | {"card"},
    "card": _BLOCKS,
}
