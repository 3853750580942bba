"""Jinja2's tokens in a fraction of the time: text is searched for braces, and a tag that occurs often is read once.

Jinja2's own lexer tries its rules at every character. Whatever is not plainly text and simple tags is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from jinja2 import TemplateSyntaxError
from jinja2.environment import Environment
from jinja2.lexer import Lexer

Token = tuple[int, str, str]

MOST_IN_TAG = (
    2000  # tokens, with the white space between them: parsing takes a hundred times as long as reading
)

_OPENING = re.compile(r"\{[{%#]")
# No braces inside, and no sign that eats white space around the tag.
_SIMPLE = re.compile(r"\{(?:\{(?![-+])[^{}]{0,500}\}|%(?![-+])[^{}]{0,500}%)\}")
_SIGNS = ("-}}", "+}}", "-%}", "+%}")
_LINE_END = re.compile(r"\r\n?")


class QuickLexer(Lexer):
    """As Jinja2's lexer; but a comment or a raw block that ends with the source is an error too."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._of_tag = lru_cache(maxsize=4096)(self._read_tag)

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[Token]:
        """(line, kind, text) of all tokens; raises TemplateSyntaxError."""
        quick = self._quickly(_LINE_END.sub("\n", source)) if state is None else None
        if quick is not None:
            yield from quick
            return
        last: Token | None = None
        in_tag = 0
        for last in super().tokeniter(source, name, filename, state):
            in_tag = 0 if last[1].endswith(("_begin", "_end")) or last[1] == "data" else in_tag + 1
            if in_tag > MOST_IN_TAG:
                raise TemplateSyntaxError("Tag is too long", last[0], name, filename)
            yield last
        if last is not None and last[1] in ("comment_begin", "raw_begin"):
            raise TemplateSyntaxError("Missing end of comment or raw tag", last[0], name, filename)

    def _quickly(self, source: str) -> list[Token] | None:
        """The tokens of a source with simple tags only; None for any other."""
        found: list[Token] = []
        position, line = 0, 1
        while opening := _OPENING.search(source, position):
            start = opening.start()
            tag = _SIMPLE.match(source, start)
            tokens = self._of_tag(tag[0]) if tag and not tag[0].endswith(_SIGNS) else None
            if tag is None or tokens is None:
                return None
            if start > position:
                found.append((line, "data", source[position:start]))
                line += source.count("\n", position, start)
            found += [(line + at, kind, text) for at, kind, text in tokens]
            line += tag[0].count("\n")
            position = tag.end()
        if position < len(source):
            found.append((line, "data", source[position:]))
        return found

    def _read_tag(self, tag: str) -> tuple[Token, ...] | None:
        """The tokens of a tag, with lines from 0; None if it is not one whole tag by itself."""
        try:
            tokens = tuple((line - 1, kind, text) for line, kind, text in super().tokeniter(tag, None))
        except TemplateSyntaxError:
            return None
        ends = [kind for _line, kind, _text in tokens if kind.endswith(("_begin", "_end"))]
        return tokens if ends in (["variable_begin", "variable_end"], ["block_begin", "block_end"]) else None
