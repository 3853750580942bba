"""The tables of phrases, from the files in `words/`: each is read once, when it is first asked."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from campaigns.inbound.verdicts.phrases import Table
from campaigns.inbound.verdicts.verdict import Detail

_FOLDER = Path(__file__).parent / "words"
_NAME = re.compile(r"\{([A-Z_]+)\}")
Section = tuple[str, list[str]]


def sections(name: str) -> list[Section]:
    """The sections of a file in their order, each with its phrases."""
    defined: dict[str, str] = {}
    found: list[Section] = []
    for line in _lines((_FOLDER / name).read_text(encoding="utf-8")):
        key, equals, value = line.partition(" = ")
        if line.startswith("["):
            found.append((line.strip("[]"), []))
        elif equals:
            defined[key] = "(" + "|".join(word.strip() for word in value.split(" | ")) + ")"
        else:
            found[-1][1].append(_NAME.sub(lambda match: defined[match[1]], line))
    return found


def _lines(text: str) -> list[str]:
    """Without comments and empty lines, and with those that go on joined."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith("    "):
            lines[-1] += " " + line.strip()
        elif line.strip() and not line.startswith("#"):
            lines.append(line.rstrip())
    return lines


@cache
def listed(section: str) -> tuple[str, ...]:
    """The entries of a section of `places.txt`, as they stand there."""
    return tuple(
        text.removeprefix("\\") for name, texts in sections("places.txt") if name == section for text in texts
    )


@cache
def strong() -> Table[Detail]:
    """What beats every code."""
    names = ("foreign_first.txt", "english.txt", "foreign.txt")
    return Table((Detail(word), phrases) for name in names for word, phrases in sections(name))


@cache
def weak() -> Table[Detail]:
    """What is asked when codes say nothing."""
    return Table((Detail(word), phrases) for word, phrases in sections("weak.txt"))


@cache
def words(name: str, section: str) -> Table[bool]:
    """Whether a text has one of the phrases of a section."""
    return Table((True, phrases) for word, phrases in sections(name) if word == section)
