"""Whether a message meets the conditions of a rule. Pure; in time that grows with the message alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from campaigns.core.i18n import Sentence, _
from campaigns.inbound.reading import addresses
from campaigns.inbound.reading.facts import Facts


class Part(StrEnum):
    """What of a message is compared."""

    FROM = "from"
    TO = "to"
    SUBJECT = "subject"
    BODY = "body"
    HEADER = "header"

    @property
    def label(self) -> Sentence:
        return _PARTS[self]


class How(StrEnum):
    EQUALS = "equals"
    BEGINS = "begins"
    CONTAINS = "contains"

    @property
    def label(self) -> Sentence:
        return _HOWS[self]


_PARTS = {
    Part.FROM: _("From"),
    Part.TO: _("To"),
    Part.SUBJECT: _("Subject"),
    Part.BODY: _("Text"),
    Part.HEADER: _("Header field"),
}
_HOWS = {How.EQUALS: _("is"), How.BEGINS: _("begins with"), How.CONTAINS: _("contains")}


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison, in any case; `header`: the name of the field for Part.HEADER."""

    part: Part
    how: How
    text: str
    header: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> Condition:
        """From its stored form."""
        return cls(Part(stored["part"]), How(stored["how"]), stored["text"], stored.get("header", ""))

    def stored(self) -> dict[str, str]:
        """As it is kept in the database."""
        return {
            "part": self.part.value,
            "how": self.how.value,
            "text": self.text,
            **({"header": self.header} if self.header else {}),
        }

    def is_met(self, facts: Facts) -> bool:
        """Whether any of the values says so."""
        wanted = plain(self.text)
        return bool(wanted) and any(_COMPARED[self.how](plain(each), wanted) for each in self._values(facts))

    def _values(self, facts: Facts) -> Iterable[str]:
        if self.part is Part.FROM:
            return [facts.sender]
        if self.part is Part.TO:
            return [
                each for name in ("to", "cc") for value in facts.headers.all(name) for each in _all(value)
            ]
        if self.part is Part.SUBJECT:
            return [facts.subject]
        if self.part is Part.BODY:
            return [facts.text]
        return facts.headers.all(self.header.lower())


_COMPARED = {
    How.EQUALS: lambda text, wanted: text == wanted,
    How.BEGINS: lambda text, wanted: text.startswith(wanted),
    How.CONTAINS: lambda text, wanted: wanted in text,
}


def matches(conditions: Sequence[Condition], facts: Facts) -> bool:
    """Whether the message meets all of them; no conditions are met by none."""
    return bool(conditions) and all(each.is_met(facts) for each in conditions)


def plain(text: str) -> str:
    """The text as it is compared: in small letters, each run of white space one space."""
    return " ".join(text.casefold().split())


def _all(value: str) -> list[str]:
    return addresses.all_in(value)
