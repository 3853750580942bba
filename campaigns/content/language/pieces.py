"""A template as a program that writes wire text: joined segments where possible, else Jinja2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes

from campaigns.content.language import local
from campaigns.content.language.filters import size_of
from campaigns.content.language.merge_text import (
    BETWEEN_LOOKS,
    LARGEST_OUTPUT,
    MOST_WORK,
    Budget,
    Finalize,
    MergeText,
    TooMuch,
    Values,
)

Encode = Callable[[str], str]
Program = Callable[[Values], str]


def program(template: MergeText, finalize: Finalize, encode: Encode) -> Program:
    """A program: values in, encoded text out. `encode` must return pieces that can be joined."""
    found = segments(template)
    if found is None:
        return template.compiled(lambda value: encode(finalize(value)), data=encode)
    return _joiner(found, finalize, encode)


Step = tuple[
    Callable[..., Any], int, tuple[Any, ...]
]  # a filter, what it costs beside its value, its arguments
Slot = tuple[str, tuple[Step, ...]]


def segments(template: MergeText) -> list[str | Slot] | None:
    """Texts and slots of a template that only prints fields; None if it has conditions or loops."""
    found: list[str | Slot] = []
    for node in template.tree.body:
        if not isinstance(node, nodes.Output):
            return None
        for child in node.nodes:
            segment = child.data if isinstance(child, nodes.TemplateData) else _slot(child, template.language)
            if segment is None:
                return None
            found.append(segment)
    return found


def _slot(node: nodes.Node, language: str) -> str | Slot | None:
    steps: list[Step] = []
    while isinstance(node, nodes.Filter):
        if node.node is None or not all(isinstance(argument, nodes.Const) for argument in node.args):
            return None
        arguments = tuple(argument.value for argument in node.args if isinstance(argument, nodes.Const))
        steps.append((local.bound(language)[node.name], local.cost(node.name, arguments), arguments))
        node = node.node
    return (node.name, tuple(reversed(steps))) if isinstance(node, nodes.Name) else None


def _joiner(found: list[str | Slot], finalize: Finalize, encode: Encode) -> Program:
    """A closure that fills the slots: each different value is encoded once and used in all its places."""
    parts = [encode(segment) if isinstance(segment, str) else "" for segment in found]
    places: dict[Slot, list[int]] = {}
    for position, segment in enumerate(found):
        if not isinstance(segment, str):
            places.setdefault(segment, []).append(position)
    if not places:
        whole = "".join(parts)
        return lambda _values: whole
    slots = [(name, steps, tuple(positions)) for (name, steps), positions in places.items()]
    has_many = len(slots) >= BETWEEN_LOOKS

    def joined(values: Values) -> str:
        filled = parts.copy()
        size = work = 0
        budget = Budget() if has_many else None  # looking at the clock takes longer than filling a slot
        for number, (name, steps, positions) in enumerate(slots, start=1):
            value = values.get(name)
            if budget is not None and number % BETWEEN_LOOKS == 0:
                budget.look_at_clock()
            for function, fixed, arguments in steps:
                work += fixed + (len(value) if type(value) is str else size_of(value))
                if work > MOST_WORK:
                    raise TooMuch
                value = function(value, *arguments)
            coded = encode(finalize(value))
            size += len(coded) * len(positions)
            if size > LARGEST_OUTPUT:
                raise TooMuch
            for position in positions:
                filled[position] = coded
        return "".join(filled)

    return joined
