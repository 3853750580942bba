"""Counts what a backtracking matcher does, so that a pattern's growth is told without a clock.

The parser is Python's own (`re._parser`); the matcher below takes the same choices as `re`, without its
short cuts, and counts each character and each choice it looks at. A bound of a repeat counts as at most
three: it changes a pattern's costs by a constant, not how they grow.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

Continue = Callable[[int], int | None]
REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
SINGLE = (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN)
CANDIDATES = "a1 \n<>\"'=:;,.-/%{}#@_\t\0\u00e9Z"
MOST_REPEATS = 3
sys.setrecursionlimit(max(10_000, sys.getrecursionlimit()))  # a repeated group is a call for each repeat


class TooMany(Exception):
    """More steps than a linear pattern can need."""


class Matcher:
    """One pattern; `steps` counts what it looked at."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self._text: str = (
            pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
        )
        self._flags = pattern.flags
        self.tree: Any = _parser.parse(self._text, pattern.flags & ~re.UNICODE & ~re.DEBUG)
        self._known: dict[tuple[Any, int, str], bool] = {}
        self.steps = 0
        self.most = 0

    def run(self, text: str, *, anchored: bool, most: int) -> int:
        """The steps that finding all matches takes, or `match`; raises TooMany."""
        self.steps, self.most = 0, most
        position = 0
        while position <= len(text):
            end = self._nodes(list(self.tree), text, position, lambda at: at)
            if anchored:
                break
            position = end if end is not None and end > position else position + 1
        return self.steps

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self.most:
            raise TooMany

    def _nodes(self, nodes: list[Any], text: str, at: int, go_on: Continue) -> int | None:
        if not nodes:
            return go_on(at)
        self._step()
        (op, value), rest = nodes[0], nodes[1:]

        def then(position: int) -> int | None:
            return self._nodes(rest, text, position, go_on)

        if op in SINGLE:
            return then(at + 1) if self.fits(op, value, text, at) else None
        if op in REPEATS:
            return self._repeat(op, value, text, at, then)
        if op is ops.SUBPATTERN:
            return self._nodes(list(value[3]), text, at, then)
        if op is ops.ATOMIC_GROUP:
            end = self._nodes(list(value), text, at, lambda position: position)
            return None if end is None else then(end)
        if op is ops.BRANCH:
            ends = (self._nodes(list(branch), text, at, then) for branch in value[1])
            return next((end for end in ends if end is not None), None)
        if op in (ops.ASSERT, ops.ASSERT_NOT):
            found = (
                value[0] < 0 or self._nodes(list(value[1]), text, at, lambda position: position) is not None
            )
            return then(at) if found == (op is ops.ASSERT) or value[0] < 0 else None
        if op is ops.AT:
            return then(at) if self._stands(value, text, at) else None
        raise NotImplementedError(str(op))

    def _repeat(self, op: Any, value: Any, text: str, at: int, then: Continue) -> int | None:
        least, most, inner = value
        most = (
            len(text) + 1 if most is ops.MAXREPEAT else max(min(most, MOST_REPEATS), min(least, MOST_REPEATS))
        )
        least = min(least, MOST_REPEATS)
        inner = list(inner)
        if len(inner) == 1 and inner[0][0] in SINGLE:
            return self._run_of(op, inner[0], (least, most), text, at, then)

        def once_more(position: int, done: int, before: int) -> int | None:
            self._step()
            more = done < most and position != before

            def again() -> int | None:
                return self._nodes(inner, text, position, lambda end: once_more(end, done + 1, position))

            if op is not ops.MIN_REPEAT and more and (end := again()) is not None:
                return end
            end = then(position) if done >= least else None
            return again() if end is None and op is ops.MIN_REPEAT and more else end

        return once_more(at, 0, -1)

    def _run_of(
        self, op: Any, node: Any, bounds: tuple[int, int], text: str, at: int, then: Continue
    ) -> int | None:
        least, most = bounds
        count = 0
        if op is ops.MIN_REPEAT:
            while True:
                if count >= least and (end := then(at + count)) is not None:
                    return end
                if count >= most or not self.fits(*node, text, at + count):
                    return None
                count += 1
        while count < most and self.fits(*node, text, at + count):
            count += 1
        choices = [count] if op is ops.POSSESSIVE_REPEAT else range(count, least - 1, -1)
        for length in choices:
            if length >= least and (end := then(at + length)) is not None:
                return end
        return None

    def fits(self, op: Any, value: Any, text: str, at: int) -> bool:
        """Whether one character does for a node of one character."""
        self._step()
        if at >= len(text):
            return False
        key = (op, value if isinstance(value, int) else id(value), text[at])  # the tree keeps its nodes
        if key not in self._known:
            self._known[key] = self.takes(op, value, text[at])
        return self._known[key]

    def takes(self, op: Any, value: Any, character: str) -> bool:
        if op is ops.ANY:
            return character != "\n" or bool(self._flags & re.DOTALL)
        folds = bool(self._flags & re.IGNORECASE)
        either = {character, character.lower(), character.upper()} if folds else {character}
        if op in (ops.LITERAL, ops.NOT_LITERAL):
            return (chr(value) in either) == (op is ops.LITERAL)
        negated = value[0][0] is ops.NEGATE
        return any(self._in(item, each) for item in value for each in either) != negated

    def _in(self, item: Any, character: str) -> bool:
        op, value = item
        if op is ops.LITERAL:
            return ord(character[0]) == value
        if op is ops.RANGE:
            return bool(value[0] <= ord(character[0]) <= value[1])
        if op is ops.CATEGORY:
            name = str(value).removeprefix("CATEGORY_")
            known = {
                "SPACE": str.isspace,
                "DIGIT": str.isdigit,
                "WORD": lambda each: each.isalnum() or each == "_",
            }
            return bool(known[name.removeprefix("NOT_")](character)) != name.startswith("NOT_")
        return False  # NEGATE

    def _stands(self, where: Any, text: str, at: int) -> bool:
        name = str(where)
        if "BOUNDARY" in name:
            sides = [text[place : place + 1] for place in (at - 1, at) if place >= 0]
            words = [side.isalnum() or side == "_" for side in sides if side]
            return (len(words) < 2 or words[0] != words[1]) != ("NON" in name)
        if "BEGINNING" in name:
            return at == 0 or (bool(self._flags & re.MULTILINE) and text[at - 1] == "\n")
        return at == len(text) or (bool(self._flags & re.MULTILINE) and text[at] == "\n")


def pieces(matcher: Matcher) -> list[str]:
    """What a text is made of that comes as far as it can in the pattern: its literals, and a letter of each class."""
    return [piece for piece in dict.fromkeys(_pieces(matcher, list(matcher.tree))) if piece]


def _pieces(matcher: Matcher, nodes: list[Any]) -> Iterator[str]:
    literal = ""
    for op, value in nodes:
        if op is ops.LITERAL:
            literal += chr(value)
            continue
        yield literal
        literal = ""
        if op in SINGLE:
            yield from [each for each in CANDIDATES if matcher.takes(op, value, each)][:2]
        elif op in REPEATS:
            yield from _pieces(matcher, list(value[2]))
        elif op is ops.SUBPATTERN:
            yield from _pieces(matcher, list(value[3]))
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _pieces(matcher, list(value[1]))
        elif op is ops.BRANCH:
            for branch in value[1][:4]:
                yield from _pieces(matcher, list(branch))
    yield literal


def worst(matcher: Matcher) -> Iterator[Callable[[int], str]]:
    """Texts by size: beginnings of a match, something said over and over, and an end that fits nothing."""
    parts = pieces(matcher)[:6]
    beginnings = list(dict.fromkeys("".join(parts[:number]) for number in range(len(parts) + 1)))
    pairs = [left + right for left, right in pairwise(parts)]
    pumps = list(dict.fromkeys([*parts, *beginnings[1:], *pairs]))
    for beginning in beginnings:
        for pump in pumps:
            yield lambda size, beginning=beginning, pump=pump: beginning + pump * size + "\0"  # type: ignore[misc]


def alternatives(matcher: Matcher) -> list[list[Any]]:
    """What a pattern finds, each for itself: looking for one of several costs what looking for each costs together."""
    tree = list(matcher.tree)
    if len(tree) != 1 or tree[0][0] is not ops.BRANCH:
        return [tree]
    return [list(branch) for branch in tree[0][1][1]]


def is_endless(nodes: Iterable[Any]) -> bool:
    """Whether anything is repeated without a bound; without that each place of a text costs the same at most."""
    for op, value in nodes:
        if op in REPEATS and (value[1] is ops.MAXREPEAT or is_endless(value[2])):
            return True
        if op is ops.SUBPATTERN and is_endless(value[3]):
            return True
        if op in (ops.ASSERT, ops.ASSERT_NOT) and is_endless(value[1]):
            return True
        if op is ops.ATOMIC_GROUP and is_endless(value):
            return True
        if op is ops.BRANCH and any(is_endless(branch) for branch in value[1]):
            return True
    return False


@dataclass(frozen=True)
class Verdict:
    """`too_fast`: the beginning of a text on which four times the size costs more than seven times the steps.

    `most_work`: texts by size, which cost most of all that were tried.
    """

    too_fast: str | None
    most_work: tuple[Callable[[int], str], ...]


@cache
def judged(pattern: re.Pattern[Any], *, anchored: bool = False) -> Verdict:
    """What short texts tell of a pattern."""
    matcher = Matcher(pattern)
    costs: list[tuple[float, Callable[[int], str]]] = []
    too_fast = None
    for tree in alternatives(matcher):
        matcher.tree = tree
        if not is_endless(tree):
            whole = "".join(pieces(matcher))[:100]
            costs.append((0, lambda size, whole=whole: whole * size + "\0"))  # type: ignore[misc]
            continue
        for text in worst(matcher):
            growth = _growth(matcher, text, anchored=anchored)
            costs.append((growth, text))
            if growth > MOST_GROWTH:
                too_fast = too_fast or text(3)
                break
    costs.sort(key=lambda each: -each[0])
    return Verdict(too_fast, tuple(text for _cost, text in costs[:MOST_WORK]))


MOST_GROWTH = 7.0  # of the steps, with four times the text
MOST_WORK = 2


def _growth(matcher: Matcher, text: Callable[[int], str], *, anchored: bool) -> float:
    try:  # what grows much too fast is told by short texts already
        least = matcher.run(text(4), anchored=anchored, most=10**6)
        small = matcher.run(text(16), anchored=anchored, most=int(MOST_GROWTH * least) + 200)
        return matcher.run(text(64), anchored=anchored, most=int(MOST_GROWTH * small) + 200) / (small + 30)
    except TooMany:
        return MOST_GROWTH + 1


def grows_too_fast(pattern: re.Pattern[Any], *, anchored: bool = False) -> str | None:
    """The beginning of a text on which it does; or None."""
    return judged(pattern, anchored=anchored).too_fast


def most_work(pattern: re.Pattern[Any], *, anchored: bool, size: int) -> list[str]:
    """Texts of that many characters, of the kinds that cost most."""
    texts = judged(pattern, anchored=anchored).most_work
    return [text(size // max(1, len(text(2)) - len(text(1)))) for text in texts]
