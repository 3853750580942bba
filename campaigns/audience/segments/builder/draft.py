"""A rule while it is put together in a form: may lack something anywhere. Pure.

Nodes are named by their way from the root: `0.2` is the third node in the first one. The root is the empty name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.audience.segments.operators import ANY, OF_KIND, SUBJECTS, Of, Takes
from campaigns.audience.segments.tree import DEEPEST, MOST_CONDITIONS, Catalog, Match

FIELD = "field:"
ROOT = ""
MOST_VALUES = 200
LONGEST = 1_000


@dataclass
class Node:
    """A condition; or a group, if it has a match. `subject`: "field:" and the key, for a field."""

    match: str = ""
    nodes: list[Node] = field(default_factory=list)
    subject: str = ""
    of: str = ""
    operator: str = ""
    values: list[str] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        return bool(self.match)


def from_rule(raw: Mapping[str, Any]) -> Node:
    """The draft of a rule as it is stored."""
    if "rules" in raw:
        return Node(match=raw["match"], nodes=[from_rule(each) for each in raw["rules"]])
    is_field, value = raw["subject"] == "field", raw.get("value")
    return Node(
        subject=FIELD + raw["of"] if is_field else raw["subject"],
        of="" if is_field else str(raw.get("of", "")),
        operator=raw["operator"],
        values=[]
        if value is None
        else [str(each) for each in (value if isinstance(value, list) else [value])],
    )


def from_form(form: Any, known: Catalog) -> Node:
    """The draft that was posted (a form with `get` and `getlist`), with an operator for each condition that its
    subject knows.
    """
    left = [MOST_CONDITIONS]

    def read(name: str, depth: int) -> Node | None:
        left[0] -= 1
        if left[0] < -1 or depth > DEEPEST:
            return None
        match = form.get(_key(name, "match"))
        if not match:
            return _condition(form, name, known) if _key(name, "subject") in form else None
        node = Node(match=match if match in tuple(Match) else Match.ALL.value)
        for number in range(MOST_CONDITIONS):
            child = read(f"{name}.{number}" if name else str(number), depth + 1)
            if child is None:
                break
            node.nodes.append(child)
        return node

    return read(ROOT, 1) or Node(match=Match.ALL.value)


def _condition(form: Any, name: str, known: Catalog) -> Node:
    values = [each[:LONGEST] for each in form.getlist(_key(name, "value"))[:MOST_VALUES]]
    node = Node(
        subject=form.get(_key(name, "subject")),
        of=form.get(_key(name, "of")),
        operator=form.get(_key(name, "operator")),
        values=values,
    )
    operators = operators_of(node.subject, known)
    if node.operator not in operators:
        node.operator = next(iter(operators), "")
        node.values = []
    return node


def _key(name: str, part: str) -> str:
    return f"n{name}-{part}"


def operators_of(subject: str, known: Catalog) -> Mapping[str, Takes]:
    """What can be asked of a subject of the form; nothing for an unknown one."""
    if subject.startswith(FIELD):
        field_ = known.fields.get(subject.removeprefix(FIELD))
        return OF_KIND[field_.kind] if field_ else {}
    return SUBJECTS[subject].operators if subject in SUBJECTS else {}


def act_on(root: Node, act: str) -> None:
    """Do what a button says: `add:0.1` a condition at the end of that group, `group:0` a group, `remove:0.2`."""
    what, _, name = act.partition(":")
    if what == "remove":
        _remove(root, name)
        return
    group = _at(root, name)
    if group is None or not group.is_group or sum(1 for _ in walk(root)) >= MOST_CONDITIONS:
        return
    if what == "add":
        group.nodes.append(Node())
    elif what == "group" and name.count(".") + bool(name) + 2 <= DEEPEST:
        group.nodes.append(Node(match=Match.ANY.value, nodes=[Node()]))


def _remove(root: Node, name: str) -> None:
    parent, _, last = name.rpartition(".")
    group = _at(root, parent)
    if group is not None and last.isascii() and last.isdigit() and int(last) < len(group.nodes):
        del group.nodes[int(last)]


def _at(root: Node, name: str) -> Node | None:
    node = root
    for part in name.split(".") if name else ():
        if not (part.isascii() and part.isdigit() and int(part[:4]) < len(node.nodes)):
            return None
        node = node.nodes[int(part[:4])]
    return node


def walk(node: Node) -> Iterator[Node]:
    """A node and all within it."""
    yield node
    for each in node.nodes:
        yield from walk(each)


def as_rule(node: Node, known: Catalog) -> dict[str, Any]:
    """The rule that a draft says, for `tree.read`, which tells what is missing."""
    if node.is_group:
        return {"match": node.match, "rules": [as_rule(each, known) for each in node.nodes]}
    is_field = node.subject.startswith(FIELD)
    found: dict[str, Any] = {"subject": "field" if is_field else node.subject, "operator": node.operator}
    of = Of.FIELD if is_field else SUBJECTS[node.subject].of if node.subject in SUBJECTS else None
    if is_field:
        found["of"] = node.subject.removeprefix(FIELD)
    elif of is not None:
        found["of"] = ANY if node.of == ANY else _whole(node.of)
    takes = operators_of(node.subject, known).get(node.operator, Takes.NOTHING)
    value = _VALUES[takes](node.values, node.subject)
    if value is not None:
        found["value"] = value
    return found


def place_of(path: str | None) -> str:
    """The name of the node at a path of `tree.read`: `rules[1].rules[0].value` is in `1.0`."""
    parts = (path or "").split(".")
    return ".".join(part[6:-1] for part in parts if part.startswith("rules[") and part.endswith("]"))


def _first(values: Sequence[str]) -> str:
    return values[0].strip() if values else ""


def _whole(text: str) -> Any:
    text = text.strip()
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 10 else text


def _number(text: str) -> Any:
    try:
        return int(text) if _whole(text) != text else float(text.replace(",", "."))
    except ValueError:
        return text


def _words(values: Sequence[str], subject: str) -> Any:
    if subject == "tag":
        return [_whole(each) for each in values if each.strip()]
    if subject in ("domain", "time_zone"):
        values = [part for each in values for part in each.replace(";", ",").split(",")]
    return [each.strip() for each in values if each.strip()]


def _pair(values: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    return [read(each.strip()) for each in values[:2]]


_VALUES: Mapping[Takes, Callable[[Sequence[str], str], Any]] = {
    Takes.NOTHING: lambda _values, _subject: None,
    Takes.TEXT: lambda values, _subject: _first(values),
    Takes.NUMBER: lambda values, _subject: _number(_first(values)),
    Takes.NUMBERS: lambda values, _subject: _pair(values, _number),
    Takes.DAY: lambda values, _subject: _first(values),
    Takes.PERIOD: lambda values, _subject: _pair(values, str),
    Takes.DAYS: lambda values, _subject: _whole(_first(values)),
    Takes.DAYS_OR_EVER: lambda values, _subject: _whole(_first(values)) if _first(values) else None,
    Takes.WORDS: _words,
    Takes.SHARE: lambda values, _subject: _pair(values, _number),
}
