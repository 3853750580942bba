"""Phrases in a text, as tables name them: found by their first word, so that a large table costs little.

A text is brought into one form first: lower case, words with one space between, without those that carry no
meaning, and with "isn't" as "is not". In a phrase `~` stands for up to 40 letters of anything, `~~` for up to
120, `(a|b)` for one of several, and a `*` at the end of a word for any end of it. Chinese, Japanese and Thai
have no spaces and Korean has endings: their phrases are found anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import Generic, TypeVar

Answer = TypeVar("Answer")
_NO_WORDS = re.compile(r"[\W_]+")
_EMPTY = frozenset(
    [
        "the",
        "a",
        "an",
        "is",
        "was",
        "are",
        "were",
        "has",
        "have",
        "had",
        "been",
        "be",
        "being",
        "this",
        "that",
        "these",
        "those",
        "your",
        "our",
        "my",
        "its",
        "his",
        "her",
    ]
)
_REPLACED = (
    (" e mail ", " email "),
    (" e mails ", " emails "),
    (" mail box ", " mailbox "),
    (" mail boxes ", " mailboxes "),
    (" can not ", " cannot "),
    (" anti spam ", " antispam "),
    (" anti virus ", " antivirus "),
    (" black list", " blacklist"),
    (" block list", " blocklist"),
    (" over quota ", " overquota "),
    (" time out ", " timeout "),
    (" timed out ", " timeout "),
    (" user name ", " username "),
    (" no longer ", " nolonger "),
)
_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "’": "'", "ё": "е"})
_OPEN = re.compile(r"\* (?=[^~])")  # behind an open end anything may stand
_SPACELESS = (("\u0e00", "\u0eff"), ("\u3040", "\u30ff"), ("\u4e00", "\u9fff"), ("\uac00", "\ud7af"))
_GAP = 40
_WIDE_GAP = 120
MOST_TEXT = 4_000  # letters of a text that are looked at


def normal(text: str) -> str:
    """The text in the form in which phrases are looked for, with a space at both ends."""
    lower = text[:MOST_TEXT].lower().translate(_LETTERS)
    if "'" in lower:
        lower = lower.replace("can't", "cannot").replace("won't", "will not").replace("n't", " not")
        lower = lower.replace("'s ", " ")
    words = [word for word in _NO_WORDS.sub(" ", lower).split() if word not in _EMPTY]
    joined = f" {' '.join(words)} "
    for old, new in _REPLACED:
        if old in joined:
            joined = joined.replace(old, new)
    return joined


class Phrase:
    """One phrase: its pieces in their order, each with the gap that may stand before it."""

    __slots__ = ("first", "pieces")

    def __init__(self, text: str) -> None:
        self.pieces: list[tuple[str, int]] = []
        gap = 0
        for word in re.split(r"(~~?)", _OPEN.sub("* ~ ", text)):
            if word in ("~", "~~"):
                gap = _WIDE_GAP if word == "~~" else _GAP
            elif (piece := _piece(word)).strip():
                self.pieces.append((piece, gap))
                gap = _GAP
        lead = self.pieces[0][0]
        is_word = lead.startswith(" ") and " " in lead[1:]
        self.first = lead.split()[0] if is_word else ""

    def is_in(self, text: str) -> bool:
        """Whether it stands in a normal text."""
        piece, _gap = self.pieces[0]
        at = text.find(piece)
        if len(self.pieces) == 1:
            return at >= 0
        while at >= 0:
            if self._goes_on(text, at + len(piece)):
                return True
            at = text.find(piece, at + 1)
        return False

    def _goes_on(self, text: str, at: int) -> bool:
        for piece, gap in self.pieces[1:]:
            start = at - 1 if piece.startswith(" ") else at  # the space between belongs to both
            found = text.find(piece, start, start + gap + len(piece))
            if found < 0:
                return False
            at = found + len(piece)
        return True


def _piece(word: str) -> str:
    """A piece between gaps: whole words, but for a star at its end and scripts without spaces."""
    if not word.isascii() and any(map(_is_spaceless, word)):
        return _NO_WORDS.sub(" ", word.lower()).strip()
    is_open = word.rstrip().endswith("*")
    found = normal(word)
    return found.rstrip() if is_open else found


def _is_spaceless(letter: str) -> bool:
    """Whether its script has no spaces between words, or, as Korean, endings on every word."""
    return any(first <= letter <= last for first, last in _SPACELESS)


def expanded(text: str) -> list[str]:
    """The phrases that a phrase with `(a|b)` stands for."""
    pieces = re.split(r"\(([^()]*)\)", text)
    choices = [piece.split("|") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return ["".join(words) for words in product(*choices)]


class Table(Generic[Answer]):
    """Rows of an answer and its phrases; the row that stands first wins."""

    def __init__(self, rows: Iterable[tuple[Answer, Iterable[str]]]) -> None:
        self._answers: list[Answer] = []
        self._by_word: dict[str, list[tuple[int, Phrase]]] = {}
        self._starts: list[tuple[int, Phrase]] = []  # a first word with an open end
        self._anywhere: list[tuple[int, Phrase]] = []
        for answer, texts in rows:
            rank = len(self._answers)
            self._answers.append(answer)
            for text in texts:
                for one in expanded(text):
                    self._add(rank, Phrase(one))

    def _add(self, rank: int, phrase: Phrase) -> None:
        if phrase.first:
            self._by_word.setdefault(phrase.first, []).append((rank, phrase))
        else:
            (self._starts if phrase.pieces[0][0].isascii() else self._anywhere).append((rank, phrase))

    def find(self, text: str) -> Answer | None:
        """The answer of the first row with a phrase in a normal text."""
        best = len(self._answers)
        for word in set(text.split()):
            for rank, phrase in self._by_word.get(word, ()):
                if rank < best and phrase.is_in(text):
                    best = rank
        for rank, phrase in self._starts:
            if rank < best and phrase.is_in(text):
                best = rank
        if not text.isascii():
            for rank, phrase in self._anywhere:
                if rank < best and phrase.is_in(text):
                    best = rank
        return self._answers[best] if best < len(self._answers) else None

    def has_one_in(self, text: str) -> bool:
        """Whether any phrase stands in a normal text."""
        return self.find(text) is not None
