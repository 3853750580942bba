"""What a server does not support, learned from its behaviour. Pure.

A lesson holds for a week. Then the thing is tried again: servers change, and a lesson may be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from campaigns.mail.envelope import Server

KEPT_FOR = timedelta(days=7)
LONGEST_SAID = 200


class Trait(StrEnum):
    """Kinds of lesson."""

    BARE_DOT = "bare_dot"  # nothing may follow a message's final dot before its answer
    NO_CHUNKS = "no_chunks"  # it offers CHUNKING and does not understand BDAT
    MESSAGES = "messages"  # most messages on one connection before the server ends it
    CONNECTIONS = "connections"  # most connections at the same time
    WINDOW = "window"  # most messages in flight on one connection


LIMITS = frozenset({Trait.MESSAGES, Trait.CONNECTIONS, Trait.WINDOW})


_NAMES = frozenset(Trait)


class Observation(NamedTuple):
    """What a server has just shown: `number`: the most that it accepts; `said`: its reply."""

    trait: Trait
    number: int = 0
    said: str = ""


class Lesson(NamedTuple):
    """What is known about a trait, and since when."""

    number: int
    since: datetime
    said: str = ""


@dataclass(frozen=True, slots=True)
class Traits:
    """Everything known about a server; empty at first."""

    lessons: Mapping[Trait, Lesson] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> Traits:
        """The inverse of `stored`; unknown traits are ignored."""
        return cls(
            {
                Trait(name): Lesson(each["number"], datetime.fromisoformat(each["since"]), each["said"])
                for name, each in (stored or {}).items()
                if name in _NAMES  # another version of the app may know others
            }
        )

    @property
    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return {
            trait.value: {"number": each.number, "since": each.since.isoformat(), "said": each.said}
            for trait, each in self.lessons.items()
        }

    def number(self, trait: Trait) -> int | None:
        """The learned limit; None without one."""
        return self.lessons[trait].number if trait in self.lessons else None

    def still_valid(self, now: datetime) -> Traits:
        """Without expired lessons."""
        return Traits({trait: each for trait, each in self.lessons.items() if now - each.since < KEPT_FOR})

    def applied_to(self, server: Server) -> Server:
        """The server with these lessons applied."""
        for trait, lesson in self.lessons.items():
            server = applied(server, trait, lesson.number)
        return server


def learn(traits: Traits, observation: Observation, now: datetime) -> Traits:
    """With the observation added; of two limits the lower one holds."""
    trait, number, said = observation
    known = traits.still_valid(now).lessons
    if trait in LIMITS:
        number = max(1, number if trait not in known else min(number, known[trait].number))
    lesson = Lesson(number, now, said[:LONGEST_SAID])
    return Traits({**known, trait: lesson})


def applied(server: Server, trait: Trait, number: int) -> Server:
    """The server with one lesson applied."""
    if trait is Trait.BARE_DOT:
        return replace(server, rides=False)
    if trait is Trait.NO_CHUNKS:
        return replace(server, chunking=False)
    name = {
        Trait.MESSAGES: "messages_per_connection",
        Trait.CONNECTIONS: "connections",
        Trait.WINDOW: "depth",
    }[trait]
    return replace(server, **{name: max(1, min(number, getattr(server, name)))})
