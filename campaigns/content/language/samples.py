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
    NON_LATIN = "script"
    LONGEST_FIELD = "field"

    @property
    def label(self) -> str:
        return {
            Hard.LONGEST: _("the longest name"),
            Hard.MISSING: _("the most fields missing"),
            Hard.RIGHT_TO_LEFT: _("a right-to-left name"),
            Hard.NON_LATIN: _("a name in another script"),
            Hard.LONGEST_FIELD: _("the longest field"),
        }[self]


def hardest(people: Sequence[P], *, fields: Collection[str]) -> dict[Hard, P]:
    """For each kind of difficulty, one person who has it; `fields`: those that the message uses."""
    if not people:
        return {}
    found = {Hard.LONGEST: max(people, key=lambda person: len(person.name or person.email))}
    barest = max(people, key=lambda person: _missing(person.fields or {}, fields))
    if _missing(barest.fields or {}, fields):
        found[Hard.MISSING] = barest
    kinds = {Hard.RIGHT_TO_LEFT: is_right_to_left, Hard.NON_LATIN: is_non_latin}
    for kind, is_such in kinds.items():
        person = next((each for each in people if is_such(each.name)), None)
        if person is not None:
            found[kind] = person
    longest = max(people, key=lambda person: _longest(person.fields or {}, fields))
    if longest is not found[Hard.LONGEST] and _longest(longest.fields or {}, fields):
        found[Hard.LONGEST_FIELD] = longest
    return found


def is_right_to_left(text: str) -> bool:
    """Whether a text has right-to-left letters."""
    return any(unicodedata.bidirectional(each) in ("R", "AL") for each in text)


def is_non_latin(text: str) -> bool:
    """Whether a text has letters of a script written from left to right that isn't Latin."""
    letters = (each for each in text if each.isalpha() and unicodedata.bidirectional(each) == "L")
    return any(not unicodedata.name(each, "LATIN").startswith("LATIN") for each in letters)


def _longest(values: Mapping[str, Any], fields: Collection[str]) -> int:
    """The length of the longest value among those fields."""
    return max((len(str(values.get(name) or "")) for name in fields), default=0)


def _missing(values: Mapping[str, Any], fields: Collection[str]) -> int:
    return sum(1 for name in fields if name != "email" and str(values.get(name) or "").strip() == "")
