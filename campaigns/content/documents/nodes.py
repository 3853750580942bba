"""The block document as it was read: checked, with every attribute filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from campaigns.content.documents.style import Style

VERSION = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """How a piece of text looks, or where it links to."""

    type: str
    attrs: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, name: str) -> Any:
        return dict(self.attrs)[name]


@dataclass(slots=True)
class Node:
    """A block, or a piece of its text."""

    type: str
    attrs: dict[str, Any] = field(default_factory=dict)
    content: list[Node] = field(default_factory=list)
    text: str = ""
    marks: tuple[Mark, ...] = ()

    def mark(self, type: str) -> Mark | None:
        """Its mark of that type, or None."""
        return next((mark for mark in self.marks if mark.type == type), None)


@dataclass(slots=True)
class Document:
    """A checked document: at most 2,000 nodes, 12 levels deep."""

    style: Style
    content: list[Node]


def every(nodes: list[Node]) -> Iterator[Node]:
    """All nodes in reading order."""
    waiting = nodes[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.content))


def text_of(nodes: list[Node]) -> str:
    """The text of some nodes, without what merge tags print."""
    return "".join(node.text or (" " if node.type == "hardBreak" else "") for node in every(nodes))
