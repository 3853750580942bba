"""A line with merge tags as it reads for a person without any fields."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from jinja2 import TemplateSyntaxError

from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError


class Piece(NamedTuple):
    """A part of the line; `tag`: the merge tag it stands for, empty for plain text."""

    text: str
    tag: str = ""


@lru_cache(maxsize=2048)
def pieces(line: str) -> tuple[Piece, ...]:
    """The line in parts: each tag as its fallback, or as the field's name without one.

    A line with conditions or loops is one part; one that cannot be parsed is returned as it is.
    """
    if "{" not in line:
        return (Piece(line),)
    try:
        parts = list(merge_text.split(line))
        whole = merge_text.parse(line, where="subject")
        if any(kind == "block" for kind, _text in parts):
            return (Piece(whole.render_line({})),)
        return tuple(_piece(kind, text) for kind, text in parts)
    except (ContentError, TemplateSyntaxError):
        return (Piece(line),)


def _piece(kind: str, text: str) -> Piece:
    if kind == "data":
        return Piece(text)
    tag = merge_text.parse(text, where="subject")
    return Piece(tag.render_line({}).strip() or ", ".join(sorted(tag.fields)), text)
