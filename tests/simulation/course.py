"""One random course of a campaign: what the server does to whom and when, what people do, and who is killed.

Everything is drawn from a seed; the same seed gives the same course.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.simulation.wire import USUAL, Act

PEOPLE = (1, 2, 5, 12, 24)
DOMAINS = ("one.example", "two.example", "three.example")
SPOKEN = (
    b"421 4.3.2 closing",
    b"421 4.7.0 too many connections",
    b"450 4.2.1 mailbox busy",
    b"451 4.3.0 trouble",
    b"451 4.7.0 deferred",
    b"451 4.7.1 greylisted",
    b"452 4.2.2 mailbox full",
    b"454 4.7.0 Throttling failure: Maximum sending rate exceeded",
    b"550 5.1.1 user unknown",
    b"550 5.4.5 daily sending quota exceeded",
    b"550 5.7.1 blocked by policy",
    b"550 Administrative prohibition",
    b"552 5.2.2 over quota",
    b"554 5.7.1 relay access denied",
    b"503 5.5.1 bad sequence",
    b"500 what",
    b"535 5.7.8 no",
    b"250-half a reply\r\n250 and the rest",
    b"450 4.0.0 a NUL \x00 in it",
    b"nonsense",
    b"250",
    b"",
)
HANGS_UP = b""  # in place of words
WAITS_S = (0.3, 3.0, 8.0, 45.0, 400.0, 4000.0)
VERBS = ("BANNER", "EHLO", "RSET", "MAIL", "RCPT", "DATA", "END", "NOOP")


@dataclass
class Course:
    """What was drawn; `act` says what the server does next."""

    seed: int
    people: int = 1
    size: int = 4  # of a batch
    connections: int = 1
    keywords: tuple[bytes, ...] = ()
    holds: bool = False
    latency_s: float = 0.001
    window: int = 1000
    budget_s: float = 30
    lanes_of_trouble: int = 4
    share: float = 0.0
    kinds: tuple[str, ...] = ()
    quirks: dict[int, tuple[str, bytes]] = field(
        default_factory=dict
    )  # number of a recipient -> verb and words
    refuses: float = 0.0  # connections that are not let in
    kills: dict[int, int] = field(default_factory=dict)  # number of a lane -> after so many moments
    people_act: dict[int, str] = field(default_factory=dict)  # after so many moments: pause, cancel, leave:3
    is_over: bool = False  # the server has come to itself
    dice: random.Random = field(default_factory=random.Random)

    @classmethod
    def drawn(cls, seed: int) -> Course:
        """The course of a seed."""
        dice = random.Random(seed)
        people = dice.choice(PEOPLE)
        course = cls(
            seed,
            people=people,
            connections=dice.choice((1, 2, 3)),
            keywords=dice.choice(
                ((), (b"PIPELINING",), (b"PIPELINING", b"CHUNKING", b"SIZE 1000000", b"DSN", b"8BITMIME"))
            ),
            holds=dice.random() < 0.25,
            latency_s=dice.choice((0.0005, 0.001, 0.02, 0.3)),
            window=dice.choice((1, 3, 1000)),
            budget_s=dice.choice((0.5, 5.0, 30.0)),
            lanes_of_trouble=dice.choice((1, 3, 6)),
            share=dice.choice((0.0, 0.02, 0.1, 0.35)),
            kinds=tuple(dice.sample(("drop", "late drop", "say", "wait"), dice.randint(1, 4))),
            refuses=dice.choice((0.0, 0.0, 0.2, 0.7)),
            dice=dice,
        )
        for number in range(people):
            if dice.random() < dice.choice((0.0, 0.1)):
                course.quirks[number] = (
                    dice.choice(("RCPT", "END")),
                    dice.choice((*SPOKEN[:16], HANGS_UP, HANGS_UP)),
                )
        for lane in range(3):
            if dice.random() < 0.12:
                course.kills[lane] = dice.randint(1, 40)
        for _act in range(dice.choice((0, 0, 1, 2))):
            leaving = f"leave:{dice.randrange(people)}"
            course.people_act[dice.randint(1, 60)] = dice.choice(
                ("pause", "pause", "cancel", leaving, leaving)
            )
        return course

    def act(self, verb: str, number: int | None) -> Act:
        """What the server does at this moment, for the recipient of that number."""
        if number in self.quirks and self.quirks[number][0] == verb:
            words = self.quirks[number][1]
            return Act(text=words) if words != HANGS_UP else Act(drops="before")
        if self.is_over or self.dice.random() >= self.share:
            return USUAL
        kind = self.dice.choice(self.kinds)
        if kind == "drop":
            return Act(drops="before")
        if kind == "late drop":
            return Act(drops="after")
        if kind == "wait":
            return Act(waits_s=self.dice.choice(WAITS_S))
        return Act(text=self.dice.choice(SPOKEN))

    def lets_in(self) -> bool:
        """Whether the next connection is taken."""
        return self.is_over or self.dice.random() >= self.refuses
