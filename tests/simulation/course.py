"""One random course of a campaign: the server's behaviour, actions of people, and killed lanes.

Everything is drawn from a seed; the same seed gives the same course. Most courses are short, because many
short ones meet more different faults than few long ones; some are long.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from campaigns.mail.envelope import Timeouts
from tests.simulation.wire import USUAL, Act

T = TypeVar("T")
PEOPLE = {1: 24, 2: 26, 3: 20, 5: 14, 8: 9, 12: 5, 24: 2}  # number -> weight
BATCHES = {1: 1, 2: 2, 4: 6, 500: 6}  # recipients in a batch -> weight
HOURS = {1: 5, 4: 2, 24: 1, 120: 1}  # retry period in hours -> weight
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
HANGS_UP = b""  # in place of a reply
WAITS_S = {0.3: 3, 3.0: 3, 8.0: 2, 45.0: 1, 400.0: 1, 4000.0: 1}  # seconds -> weight
STANDS_STILL_S = (10.0, 58.0, 70.0, 300.0)  # within a lease, at its end, past it
FOR_EVER = 10_000


@dataclass(frozen=True)
class Pace:
    """How long the client waits, in seconds. It may give up what takes longer than `patience_s`."""

    timeouts: Timeouts
    limit_s: float
    lease_s: float
    patience_s: float


USUAL_PACE = Pace(Timeouts(), limit_s=120, lease_s=60, patience_s=60)
# A lane checks more than once a second: waiting for minutes would only repeat that.
QUICK_PACE = Pace(Timeouts(4, 8, 10, 10, 10, 12, 3), limit_s=15, lease_s=30, patience_s=7)


@dataclass
class Quirk:
    """One recipient's trouble: the reply at a verb, and how many times."""

    verb: str
    words: bytes
    times: int


@dataclass
class Course:
    """What was drawn; `act` says what the server does next, `faults` what went wrong so far."""

    seed: int
    people: int = 1
    size: int = 4  # recipients in a batch
    hours: int = 24
    connections: int = 1
    per_connection: int = 100  # messages before a connection is replaced
    keywords: tuple[bytes, ...] = ()
    holds: bool = False
    pace: Pace = USUAL_PACE
    latency_s: float = 0.001
    window: int = 1000
    budget_s: float = 30
    lanes_of_trouble: int = 4
    tended_every: int = 1  # lanes between two rounds of the dispatcher
    share: float = 0.0
    kinds: tuple[str, ...] = ()
    quirks: dict[int, Quirk] = field(default_factory=dict)  # by the recipient's number
    refuses: float = 0.0  # share of connections that are refused
    kills: dict[int, int] = field(default_factory=dict)  # number of a lane -> killed after that many moments
    stalls: dict[int, float] = field(default_factory=dict)  # after that many moments: frozen, in seconds
    people_act: dict[int, str] = field(default_factory=dict)  # moments -> pause, cancel or leave:3
    is_over: bool = False  # the server behaves from now on
    dice: random.Random = field(default_factory=random.Random)
    faults: set[str] = field(default_factory=set)

    @classmethod
    def drawn(cls, seed: int) -> Course:
        """The course of a seed."""
        dice = random.Random(seed)
        people = _one_of(PEOPLE, dice)
        course = cls(
            seed,
            people=people,
            size=_one_of(BATCHES, dice),
            hours=_one_of(HOURS, dice),
            connections=dice.choice((1, 2, 3)),
            keywords=dice.choice(
                ((), (b"PIPELINING",), (b"PIPELINING", b"CHUNKING", b"SIZE 1000000", b"DSN", b"8BITMIME"))
            ),
            holds=dice.random() < 0.25,
            pace=_one_of({QUICK_PACE: 7, USUAL_PACE: 1}, dice),
            latency_s=dice.choice((0.0005, 0.001, 0.02, 0.3)),
            window=_one_of({1: 1, 3: 2, 1000: 3}, dice),
            budget_s=_one_of({0.5: 1, 5.0: 2, 30.0: 3}, dice),
            lanes_of_trouble=_one_of({1: 16, 2: 6, 3: 2, 6: 1}, dice),
            tended_every=_one_of({1: 1, 3: 2}, dice),
            share=_one_of({0.0: 1, 0.02: 1, 0.1: 3, 0.35: 2}, dice),
            kinds=tuple(dice.sample(("drop", "late drop", "say", "wait"), dice.randint(1, 4))),
            refuses=dice.choice((0.0, 0.0, 0.0, 0.2, 0.7)),
            dice=dice,
        )
        course.per_connection = random.Random(-1 - seed).choice((100, 100, 2, 3, 5))
        course._draw_quirks()
        course._draw_hosts()
        for _act in range(dice.choice((0, 0, 1, 2))):
            leaving = f"leave:{dice.randrange(people)}"
            course.people_act[dice.randint(1, 12 * people)] = dice.choice(
                ("pause", "pause", "cancel", leaving, leaving)
            )
        return course

    def _draw_quirks(self) -> None:
        dice = self.dice
        share = dice.choice((0.0, 0.05, 0.4))
        for number in range(self.people):
            if dice.random() < share:
                words = dice.choice((*SPOKEN[:16], HANGS_UP, HANGS_UP))
                times = _one_of({1: 6, 2: 3, 4: 1, FOR_EVER: 1}, dice)
                self.quirks[number] = Quirk(dice.choice(("RCPT", "END")), words, times)

    def _draw_hosts(self) -> None:
        dice = self.dice
        for lane in range(3):
            if dice.random() < (0.12, 0.08, 0.04)[lane]:
                self.kills[lane] = dice.randint(1, 12 + 4 * self.people)
        if dice.random() < 0.12:
            self.stalls[dice.randint(1, 8 * self.people)] = dice.choice(STANDS_STILL_S)

    def act(self, verb: str, number: int | None) -> Act:
        """What the server does now, for the recipient with that number."""
        quirk = self.quirks.get(number) if number is not None else None
        if quirk is not None and quirk.verb == verb and quirk.times:
            quirk.times -= 1
            return self._done(verb, Act(text=quirk.words) if quirk.words else Act(drops="before"))
        if self.is_over or self.dice.random() >= self.share:
            return USUAL
        return self._done(verb, self._anything())

    def _anything(self) -> Act:
        kind = self.dice.choice(self.kinds)
        if kind == "drop":
            return Act(drops="before")
        if kind == "late drop":
            return Act(drops="after")
        if kind == "wait":
            return Act(waits_s=_one_of(WAITS_S, self.dice))
        return Act(text=self.dice.choice(SPOKEN))

    def _done(self, verb: str, act: Act) -> Act:
        what = f"hangs up {act.drops}" if act.drops else f"waits {act.waits_s:g} s"
        self.faults.add(f"{verb} {what if act.text is None else act.text!r}")
        return act

    def lets_in(self) -> bool:
        """Whether the next connection is accepted."""
        is_let_in = self.is_over or self.dice.random() >= self.refuses
        if not is_let_in:
            self.faults.add("connection refused")
        return is_let_in


def _one_of(weights: Mapping[T, int], dice: random.Random) -> T:
    return dice.choices(list(weights), list(weights.values()))[0]
