"""Parses HTML without changing it: positions of tags, attributes, comments, and the template tags in them.

HTML parsers never see a template tag: each is first replaced by a mark (a number between two private-use
characters) and restored at the end. Otherwise parsers would move `{% for %}` out of tables and escape `<` in
tags.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _

MARK = re.compile("\ue000(\\d+)\ue001")
_AS_COMMENT = "<!--\ue002\\1\ue001-->"
_HIDDEN = re.compile("<!--\ue002(\\d+)\ue001-->")
_RESERVED = re.compile("[\ue000-\ue002]")
_OPENING = re.compile(r"\{(?=[{%#])")
_OPENING_OF_PART = re.compile(r"<(?=/?[a-zA-Z]|[!?])")
_COMMENT_END = re.compile(r"--!?>")
_START = re.compile(r"<(/?)([a-zA-Z][^\s/>\ue000]*)")
# Text and a tag as most are written: each attribute after white space, its value in double quotes.
_QUICK = re.compile(r"""([^<]*)<(/?)([a-zA-Z][^\s/>\ue000]*)(?:\s+[a-zA-Z_:][-\w:.]*="[^"]*")*\s*/?>""")
_QUICK_ATTRIBUTE = re.compile(r'''\s+([a-zA-Z_:][-\w:.]*)="([^"]*)"''')
_ATTRIBUTE = re.compile(r"""[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:(["'])|([^\s>"'][^\s>]*)))?""")
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
# Elements that hold text whatever stands in them, each with what ends it.
_RAW_ENDS = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.I) for name in ("script", "style", "title", "textarea", "xmp")
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute and the position of its value (without quotes)."""

    name: str
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Part:
    """A stretch of the source: text, raw (in style, script, title), comment, start, end or other."""

    kind: str
    start: int
    end: int
    name: str = ""
    _attributes: tuple[Attribute, ...] | None = ()
    _source: str = field(default="", repr=False)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes of a tag, in order; read when they are first asked for."""
        if self._attributes is None:
            self._attributes = tuple(_quick_attributes(self._source, self.start))
        return self._attributes

    @property
    def has_open_quote(self) -> bool:
        """Whether a quote in a tag is never closed: then browsers read on, into whatever comes next."""
        return bool(self._attributes) and any(
            each.start == each.end
            and (quote := self._source[each.start - 1]) in "\"'"
            and not self._source.startswith(quote, each.start)
            for each in self._attributes or ()
        )

    def attribute(self, name: str) -> Attribute | None:
        """The first attribute of that name."""
        return next((each for each in self.attributes if each.name == name), None)


@dataclass
class Marked:
    """A source with its template tags replaced by marks; `tags`: (kind, tag, line) by number.

    `checked`: links that may be in a message.
    """

    text: str
    where: str
    tags: list[tuple[str, str, int]] = field(default_factory=list)
    checked: set[str] = field(default_factory=set, repr=False, compare=False)
    _read: tuple[str, tuple[Part, ...]] | None = field(default=None, repr=False, compare=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the current text; parsed once and cached."""
        if self._read is None or self._read[0] is not self.text:
            self._read = (self.text, tuple(scan(self.text)))
        return self._read[1]

    def mark(self, kind: str, tag: str, line: int = 1) -> str:
        """A mark for a new tag."""
        self.tags.append((kind, tag, line))
        return f"\ue000{len(self.tags) - 1}\ue001"

    def restored(self, text: str) -> str:
        """The text as a template again; text that only looks like a tag is printed literally."""
        parts, end = [], 0
        for found in MARK.finditer(text):
            parts += [_literal(text[end : found.start()]), self.tags[int(found[1])][1]]
            end = found.end()
        return "".join([*parts, _literal(text[end:])])

    def line(self, number: str) -> int:
        """The line of a tag in the author's source."""
        return self.tags[int(number)][2]


class Lines:
    """Line numbers in the author's source by position: template tags may contain line breaks too."""

    def __init__(self, document: Marked) -> None:
        self._places = [found.start() for found in re.finditer("\n", document.text)]
        for found in MARK.finditer(document.text):
            self._places += [found.start()] * document.tags[int(found[1])][1].count("\n")
        self._places.sort()

    def at(self, position: int) -> int:
        """The line of that position, from 1."""
        return bisect_left(self._places, position) + 1


def protect(source: str, *, where: str) -> Marked:
    """The source with its template tags replaced by marks."""
    document = Marked("", where)
    parts, line = [], 1
    for kind, text in merge_text.split(source):
        parts.append(_RESERVED.sub("", text) if kind == "data" else document.mark(kind, text, line))
        line += text.count("\n")
    document.text = "".join(parts)
    return document


def without_marks(source: str) -> str:
    """The source without the characters that marks are made of."""
    return _RESERVED.sub("", source)


def escaped(document: Marked) -> str:
    """The text of a plain document as HTML, marks kept."""
    return escape(document.text)


def hidden(document: Marked) -> str:
    """The document with marks as comments where an HTML parser would move or change them.

    Raises ContentError for a tag inside an element's name or between attributes, where it would be lost.
    """
    text, pieces, end = document.text, [], 0
    mark = text.find("\ue000")
    for part in document.parts:
        if not part.start <= mark < part.end:
            continue
        if part.kind == "text":
            pieces += [text[end : part.start], MARK.sub(_AS_COMMENT, text[part.start : part.end])]
            end = part.end
        elif part.kind in ("start", "end"):
            _only_in_values(document, part)
        elif part.kind == "raw" and part.name == "style":
            _only_output(document, text[part.start : part.end])
        mark = text.find("\ue000", part.end)
    return "".join([*pieces, text[end:]])


def shown(text: str) -> str:
    """The inverse of `hidden`."""
    return _HIDDEN.sub("\ue000\\1\ue001", text)


def scan(text: str) -> Iterator[Part]:
    """The parts of an HTML source, in order and without gaps; never fails, whatever the source."""
    position, size, raw = 0, len(text), ""
    last_quotes = {quote: text.rfind(quote) for quote in "\"'"}  # an unclosed quote is searched for only once
    quickly = _QUICK.match
    while position < size:
        if raw:
            end = _end_of_raw(text, raw, position)
            part = Part("raw", position, end, raw)
            raw = ""
        else:
            if quick := quickly(text, position):
                before, closing, name = quick.groups()
                if before:
                    yield Part("text", position, position := position + len(before))
                kind = "end" if closing else "start"
                part = Part(kind, position, quick.end(), name.lower(), None, text)
            else:
                part = _next(text, position, last_quotes)
            raw = part.name if part.kind == "start" and part.name in _RAW_ENDS else ""
        if part.end > part.start:
            yield part
        position = part.end


def _next(text: str, position: int, last_quotes: dict[str, int]) -> Part:
    opening = _OPENING_OF_PART.search(text, position)
    if opening is None:
        return Part("text", position, len(text))
    if opening.start() > position:
        return Part("text", position, opening.start())
    if text.startswith("<!--", position):
        found = _COMMENT_END.search(text, position + 2)
        return Part("comment", position, found.end() if found else len(text))
    if text.startswith(("<!", "<?"), position):
        close = text.find(">", position)
        return Part("other", position, len(text) if close < 0 else close + 1)
    tag = _START.match(text, position)
    if not tag:
        return Part("text", position, position + 1)
    attributes, end = _attributes(text, tag.end(), last_quotes)
    return Part("end" if tag[1] else "start", position, end, tag[2].lower(), attributes, text)


def _quick_attributes(text: str, start: int) -> Iterator[Attribute]:
    """The attributes of a tag that is written as most are, at that position."""
    tag = _START.match(text, start)
    position = tag.end() if tag else start
    while found := _QUICK_ATTRIBUTE.match(text, position):
        yield Attribute(found[1].lower(), *found.span(2))
        position = found.end()


def _attributes(text: str, position: int, last_quotes: dict[str, int]) -> tuple[tuple[Attribute, ...], int]:
    attributes = []
    while found := _ATTRIBUTE.match(text, position):
        start, end = found.span(3) if found[3] is not None else (found.end(), found.end())
        position = found.end()
        if found[2] and position <= last_quotes[found[2]]:
            end = text.index(found[2], position)
            position = end + 1
        attributes.append(Attribute(found[1].lower(), start, end))
    close = text.find(">", position)
    return tuple(attributes), len(text) if close < 0 else close + 1


def _end_of_raw(text: str, name: str, position: int) -> int:
    close = _RAW_ENDS[name].search(text, position)
    return close.start() if close else len(text)


def _only_in_values(document: Marked, part: Part) -> None:
    """Raise for a field in an unquoted attribute: its value could add attributes."""
    quoted = [a for a in part.attributes if document.text[a.start - 1] in "\"'" and a.end > a.start]
    starts = [a.start for a in quoted]
    for found in MARK.finditer(document.text, part.start, part.end):
        before = bisect_right(starts, found.start())
        if not before or found.end() > quoted[before - 1].end:
            reason = _("Put the template tag inside the quotes of an attribute, or outside of the HTML tag.")
            raise ContentError(reason, document.line(found[1]), document.where)


def _only_output(document: Marked, source: str) -> None:
    for found in MARK.finditer(source):
        if document.tags[int(found[1])][0] != "output":
            reason = _("Style sheets can contain fields, but no if or for.")
            raise ContentError(reason, document.line(found[1]), document.where)


def _literal(text: str) -> str:
    return _OPENING.sub('{{ "{" }}', text)
