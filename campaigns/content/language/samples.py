"""Chooses the people that a preview should be tested with: those whose data is most difficult."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from campaigns.core.i18n import _


class Person(Protocol):
    """Anybody with an address, a name and fields."""

    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> Any: ...


P = TypeVar("P", bound=Person)


class Hard(StrEnum):
    LONGEST = "longest"
    MISSING = "missing"
    RIGHT_TO_LEFT = "rtl"

    @property
    def label(self) -> str:
        return {
            Hard.LONGEST: _("the longest name"),
            Hard.MISSING: _("the most fields missing"),
            Hard.RIGHT_TO_LEFT: _("a right-to-left name"),
        }[self]


def hardest(people: Sequence[P], *, fields: Collection[str]) -> dict[Hard, P]:
    """For each kind of difficulty, one person who has it; `fields`: those that the message uses."""
    if not people:
        return {}
    found = {Hard.LONGEST: max(people, key=lambda person: len(person.name or person.email))}
    barest = max(people, key=lambda person: _missing(person.fields or {}, fields))
    if _missing(barest.fields or {}, fields):
        found[Hard.MISSING] = barest
    leftward = next((person for person in people if is_right_to_left(person.name)), None)
    if leftward is not None:
        found[Hard.RIGHT_TO_LEFT] = leftward
    return found


def is_right_to_left(text: str) -> bool:
    """Whether a text has right-to-left letters."""
    return any(unicodedata.bidirectional(each) in ("R", "AL") for each in text)


def _missing(values: Mapping[str, Any], fields: Collection[str]) -> int:
    return sum(1 for name in fields if name != "email" and str(values.get(name) or "").strip() == "")
