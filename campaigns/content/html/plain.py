"""Generates the text part from the HTML part: the visible text, with links as `text (url)`."""

from __future__ import annotations

import re
from html import unescape

from campaigns.content.html import markup
from campaigns.content.html.markup import Marked, Part

_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_FILLING = re.compile("[\u034f\u00ad\ufeff\u2007]")
_MOST_LISTS = 20  # inside each other; deeper ones count as one
_BLANK = " \t\r\n\f\xa0"
_MAY_HIDE = re.compile("display|hidden|&", re.I)  # & may begin any of their letters
_NOT_DISPLAYED = re.compile(r"display\s*:\s*none", re.I)
_PARAGRAPHS = frozenset(
    re.findall(r"\w+", "p h1 h2 h3 h4 h5 h6 ul ol table blockquote pre section article header footer")
)
_LINES = frozenset(
    re.findall(r"\w+", "div tr li br address center dt dd form main aside nav figure figcaption hr body")
)


def to_text(document: Marked) -> str:
    """The document's visible text with its marks, ending in one line break."""
    writer = _Writer()
    hidden_by, depth = "", 0
    for part in document.parts:
        if hidden_by:
            if part.name == hidden_by and part.kind in ("start", "end"):
                depth += 1 if part.kind == "start" else -1
                hidden_by = hidden_by if depth else ""
        elif part.kind == "start" and _is_hidden(document.text, part):
            hidden_by, depth = part.name, 1
        else:
            _write(writer, document, part)
    return writer.finished()


def _write(writer: _Writer, document: Marked, part: Part) -> None:
    if part.kind == "text":
        writer.text(document, unescape(document.text[part.start : part.end]))
    elif part.kind == "start":
        _start(writer, document, part)
    elif part.kind == "end":
        if part.name == "pre":
            writer.end_pre()
        if part.name == "a":
            writer.end_link()
        elif part.name in ("ul", "ol"):
            writer.end_list()
        elif part.name in _PARAGRAPHS:
            writer.line_break(1 if writer.lists else 2)
        elif part.name in _LINES:
            writer.line_break(1)
        elif part.name in ("td", "th"):
            writer.space = True


def _start(writer: _Writer, document: Marked, part: Part) -> None:
    if part.name == "a":
        writer.begin_link(_value(document.text, part, "href"))
    elif part.name in ("ul", "ol"):
        writer.begin_list(_first_number(document.text, part))
    elif writer.item_begins and part.name in ("p", "div"):
        return
    elif part.name == "img":
        writer.text(document, _value(document.text, part, "alt"))
    elif part.name in _PARAGRAPHS:
        writer.line_break(2)
    elif part.name == "br":
        writer.breaks += 1
    elif part.name in _LINES:
        writer.line_break(1)
    elif part.name in ("td", "th"):
        writer.space = True
    if part.name == "pre":
        writer.begin_pre()
    elif part.name == "li":
        writer.begin_item()
    elif part.name == "hr":
        writer.word("----------")
        writer.line_break(1)


class _Writer:
    """Collects text; line breaks and spaces are deferred until visible text follows."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.breaks = 0
        self.paid = 0  # line breaks written since the last visible text
        self.space = False
        self.link: tuple[str, int] | None = None
        self.pre = 0  # number of open <pre> elements, in which white space is kept
        self.pre_begins = False
        self.lists: list[int | None] = []  # the number of the next item of each open list; None: no numbers
        self.item_begins = False

    def line_break(self, number: int) -> None:
        """Require at least this many line breaks before the next text, unless nothing was written yet."""
        if self.parts:
            self.breaks = max(self.breaks, number - self.paid)

    def word(self, text: str) -> None:
        """Write deferred white space and the text."""
        if self.breaks and self.parts:
            self.parts.append("\n" * min(self.breaks, 2))
        elif self.space and self.parts and not self.parts[-1].endswith((" ", "\n")):
            self.parts.append(" ")
        self.breaks, self.paid, self.space, self.item_begins = 0, 0, False, False
        self.parts.append(text)

    def text(self, document: Marked, text: str) -> None:
        """Write running text; block tags keep their place."""
        position = 0
        for found in markup.MARK.finditer(text) if "\ue000" in text else ():
            self._run(text[position : found.start()])
            if document.tags[int(found[1])][0] == "block":
                self._block(found[0])
                if self.lists:  # a loop writes its items with one mark: all have the same
                    self.lists[-1] = None
            else:
                self.word(found[0])
            position = found.end()
        self._run(text[position:])

    def begin_link(self, url: str) -> None:
        """Remember where a link's text begins."""
        self.link = (url, len(self.parts))

    def end_link(self) -> None:
        """Write the link's URL after its text, unless the text is the URL."""
        if self.link is None:
            return
        (url, start), self.link = self.link, None
        said = "".join(self.parts[start:]).strip()
        address = url.removeprefix("mailto:").removeprefix("tel:")
        if not url or url.startswith("#") or address in said:
            return
        self.space = bool(said)
        self.word(f"({url})" if said else url)

    def begin_list(self, first: int | None) -> None:
        """A list, whose items have numbers from the first one on, or none."""
        self.line_break(1 if self.lists else 2)
        if len(self.lists) < _MOST_LISTS:
            self.lists.append(first)

    def end_list(self) -> None:
        """End of a list."""
        if self.lists:
            self.lists.pop()
        self.line_break(1 if self.lists else 2)

    def begin_item(self) -> None:
        """The dash or number of an item, farther in for each list around its own."""
        number = self.lists[-1] if self.lists else None
        self.word("  " * (len(self.lists) - 1) + ("- " if number is None else f"{number}. "))
        if number is not None:
            self.lists[-1] = number + 1
        self.item_begins = True

    def begin_pre(self) -> None:
        """Keep white space from here on, except for an initial line break."""
        self.pre += 1
        self.pre_begins = True

    def end_pre(self) -> None:
        """End of preformatted text."""
        if self.pre and self.parts:
            self.parts[-1] = self.parts[-1].rstrip("\n") or self.parts[-1]
        self.pre = max(0, self.pre - 1)

    def finished(self) -> str:
        """The whole text, without trailing spaces in lines."""
        lines = "".join(self.parts).split("\n")
        return "\n".join(line.rstrip(" \t") for line in lines).strip() + "\n"

    def _block(self, mark: str) -> None:
        """One of two deferred line breaks goes before the tag, so that each round of a loop writes one."""
        if self.parts and self.breaks > 1:
            self.parts.append("\n")
            self.breaks, self.paid = 1, self.paid + 1
        elif self.space and not self.breaks and self.parts:
            self.parts.append(" ")
            self.space = False
        self.parts.append(mark)

    def _run(self, text: str) -> None:
        if self.pre:
            text = text.replace("\r\n", "\n")
            text = text.removeprefix("\n") if self.pre_begins else text
            self.pre_begins = False
            if text:
                self.word(text)
            return
        if not text.strip(_BLANK):
            self.space = self.space or bool(text)
            return
        text = _SPACE.sub(" ", _FILLING.sub("", text))
        self.space = self.space or text.startswith(" ")
        if stripped := text.strip(" "):
            self.word(stripped)
            self.space = text.endswith(" ")


def _is_hidden(text: str, part: Part) -> bool:
    if part.name == "head":
        return True
    if part.name in markup.VOID:
        return False
    if not _MAY_HIDE.search(text, part.start, part.end):
        return False
    style = _value(text, part, "style")
    return bool(_NOT_DISPLAYED.search(style)) or any(a.name == "hidden" for a in part.attributes)


def _first_number(text: str, part: Part) -> int | None:
    """The number of a list's first item; None for a list without numbers."""
    if part.name == "ul":
        return None
    start = _value(text, part, "start")
    return int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 1


def _value(text: str, part: Part, name: str) -> str:
    found = part.attribute(name)
    return unescape(text[found.start : found.end]).strip() if found else ""
