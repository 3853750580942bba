"""The differences of two texts, word by word and line by line. Pure; its cost is bounded for any input.

Myers, "An O(ND) Difference Algorithm and Its Variations" (Algorithmica 1, 1986), section 2, given up beyond
MOST_EDITS: then all of one was replaced by all of the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

MOST_EDITS = 300
MOST_EDITS_IN_LINE = 40
LONGEST_BY_WORDS = 100_000  # characters of both texts together; longer ones are compared by lines
MOST_LINES = 10_000  # of a source that are compared
MOST_SHOWN = 800  # of them in the answer
CONTEXT = 3  # lines shown around a change
LONGEST_LINE = 2_000  # characters, both sides together, in which words are compared
LONGEST_SAME = 400  # characters of an unchanged passage that are shown at its ends

SAME, GONE, NEW = "same", "gone", "new"
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
    r"|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+|\s+|[^\w\s]"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that is in both, or only before (gone), or only after (new)."""

    kind: str
    text: str

    @property
    def is_gone(self) -> bool:
        return self.kind == GONE

    @property
    def is_new(self) -> bool:
        return self.kind == NEW


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a source, numbered from 1 after and before; its pieces show what changed inside it."""

    kind: str
    before: int | None
    after: int | None
    pieces: tuple[Piece, ...]


def words(before: str, after: str) -> list[Piece]:
    """Both texts as one, with what is gone before what is new; a run of changed words is one piece."""
    is_long = len(before) + len(after) > LONGEST_BY_WORDS
    split = (lambda text: text.splitlines(keepends=True)) if is_long else _tokens
    old, new = split(before), split(after)
    return [_shortened(each) for each in _in_runs(_steps(old, new))]


def hunks(before: str, after: str) -> list[list[Line]]:
    """The changed lines of a source, each run with CONTEXT lines around it.

    Lines beyond MOST_LINES are not compared, and no more than MOST_SHOWN are given.
    """
    lines = list(_lines(before.split("\n")[:MOST_LINES], after.split("\n")[:MOST_LINES]))
    shown: set[int] = set()
    for at, line in enumerate(lines):
        if line.kind != SAME:
            shown.update(range(at - CONTEXT, at + CONTEXT + 1))
    numbered = [(at, line) for at, line in enumerate(lines) if at in shown][:MOST_SHOWN]
    runs = groupby(enumerate(numbered), key=lambda each: each[1][0] - each[0])
    return [[line for _, (_, line) in run] for _, run in runs]


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    before = after = 0
    looked_into = 0  # no more are shown
    for is_same, run in groupby(_steps(old, new), key=lambda step: step[0] == SAME):
        steps = list(run)
        if is_same:
            for _, text in steps:
                before, after = before + 1, after + 1
                yield Line(SAME, before, after, (Piece(SAME, text),))
            continue
        gone = [text for kind, text in steps if kind == GONE]
        fresh = [text for kind, text in steps if kind == NEW]
        pairs = min(len(gone), len(fresh), MOST_SHOWN - looked_into)
        looked_into += pairs
        for at, text in enumerate(gone):
            before += 1
            yield Line(GONE, before, None, _inside(text, fresh[at:pairs][:1], GONE))
        for at, text in enumerate(fresh):
            after += 1
            yield Line(NEW, None, after, _inside(text, gone[at:pairs][:1], NEW))


def _inside(text: str, other: list[str], kind: str) -> tuple[Piece, ...]:
    """A changed line, with what it has in common with the line in the same place on the other side."""
    if not other:
        return (Piece(kind, text),)
    old, new = (other[0], text) if kind == NEW else (text, other[0])
    if len(old) + len(new) > LONGEST_LINE:
        return (Piece(kind, text),)
    both = _in_runs(_steps(_tokens(old), _tokens(new), most=MOST_EDITS_IN_LINE))
    return tuple(piece for piece in both if piece.kind in (SAME, kind)) or (Piece(kind, text),)


def _shortened(piece: Piece) -> Piece:
    """An unchanged passage without its middle, when it is long."""
    if piece.kind != SAME or len(piece.text) <= 2 * LONGEST_SAME + 1:
        return piece
    return Piece(SAME, f"{piece.text[:LONGEST_SAME]} … {piece.text[-LONGEST_SAME:]}")


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _in_runs(steps: Iterable[tuple[str, str]]) -> list[Piece]:
    """Steps joined: between two changes, white space alone counts as changed, so that phrases stay whole."""
    made: list[Piece] = []
    gone: list[str] = []
    new: list[str] = []
    blank: list[str] = []
    for kind, text in steps:
        if kind == SAME and (gone or new) and text.isspace():
            blank.append(text)
        elif kind == SAME:
            made += [*_change(gone, new), Piece(SAME, "".join([*blank, text]))]
            gone, new, blank = [], [], []
        else:
            if blank:
                gone, new, blank = gone + blank, new + blank, []
            (gone if kind == GONE else new).append(text)
    made += [*_change(gone, new), *([Piece(SAME, "".join(blank))] if blank else [])]
    return [
        Piece(kind, "".join(each.text for each in run))
        for kind, run in groupby(made, key=lambda each: each.kind)
    ]


def _change(gone: list[str], new: list[str]) -> list[Piece]:
    return [Piece(kind, "".join(texts)) for kind, texts in ((GONE, gone), (NEW, new)) if texts]


def _steps(old: Sequence[str], new: Sequence[str], *, most: int = MOST_EDITS) -> list[tuple[str, str]]:
    """How one becomes the other: each item with whether it stays, goes or comes."""
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    end_old, end_new = len(old) - last, len(new) - last
    middle = _edits(old[first:end_old], new[first:end_new], most)
    return [*((SAME, each) for each in old[:first]), *middle, *((SAME, each) for each in old[end_old:])]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items both begin with."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _edits(old: Sequence[str], new: Sequence[str], most: int) -> list[tuple[str, str]]:
    trace = _search(old, new, most) if old and new else None
    if trace is None:
        return [*((GONE, each) for each in old), *((NEW, each) for each in new)]
    return _walked_back(trace, old, new)


def _search(old: Sequence[str], new: Sequence[str], most: int) -> list[dict[int, int]] | None:
    """For each number of edits the furthest place on each diagonal; None beyond that many."""
    furthest: dict[int, int] = {1: 0}
    trace = []
    for edits in range(min(len(old) + len(new), most) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            at = _next(furthest, diagonal, edits)
            while at < len(old) and at - diagonal < len(new) and old[at] == new[at - diagonal]:
                at += 1
            furthest[diagonal] = at
            if at >= len(old) and at - diagonal >= len(new):
                return trace
    return None


def _next(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    if diagonal == -edits or (
        diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
    ):
        return furthest[diagonal + 1]
    return furthest[diagonal - 1] + 1


def _walked_back(
    trace: list[dict[int, int]], old: Sequence[str], new: Sequence[str]
) -> list[tuple[str, str]]:
    x, y, steps = len(old), len(new), []
    for edits in range(len(trace) - 1, -1, -1):
        furthest, diagonal = trace[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        came = diagonal + 1 if down else diagonal - 1
        start = furthest[came] if edits else 0
        while x > start and y > start - came and (edits or x > 0):
            if edits and (x, y) == (start + (not down), start - came + down):
                break
            x, y = x - 1, y - 1
            steps.append((SAME, old[x]))
        if edits:
            steps.append((NEW, new[y - 1]) if down else (GONE, old[x - 1]))
            x, y = start, start - came
    return steps[::-1]
