"""Why a person is in a segment, or isn't: the rule as a tree in which each part says whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.audience.segments.evaluating import matches
from campaigns.audience.segments.facts import PersonFacts
from campaigns.audience.segments.tree import Catalog, Condition, Group
from campaigns.audience.segments.windows import Today
from campaigns.audience.segments.words import MATCHES, sentence


@dataclass(frozen=True, slots=True)
class Part:
    """A condition or group in words, whether it holds (None: nobody was asked), and what it consists of."""

    sentence: str
    holds: bool | None
    parts: Sequence[Part] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """For commands."""
        found: dict[str, Any] = {"sentence": self.sentence, "holds": self.holds}
        if self.parts:
            found["parts"] = [each.as_json() for each in self.parts]
        return found

    def lines(self, depth: int = 0) -> list[str]:
        """As indented text, ticked where it holds."""
        mark = "✓" if self.holds else "✗"
        return ["  " * depth + f"{mark} {self.sentence}"] + [
            line for each in self.parts for line in each.lines(depth + 1)
        ]


def told(node: Condition | Group, known: Catalog) -> Part:
    """An expanded rule in words."""
    if isinstance(node, Group):
        return Part(str(MATCHES[node.match]), None, tuple(told(each, known) for each in node.rules))
    return Part(sentence(node, known), None, (told(node.nested, known),) if node.nested else ())


def explained(node: Condition | Group, person: PersonFacts, today: Today, known: Catalog) -> Part:
    """An expanded rule, asked of a person."""
    holds = matches(node, person, today)
    if isinstance(node, Group):
        parts = tuple(explained(each, person, today, known) for each in node.rules)
        return Part(str(MATCHES[node.match]), holds, parts)
    nested = (explained(node.nested, person, today, known),) if node.nested else ()
    return Part(sentence(node, known), holds, nested)
