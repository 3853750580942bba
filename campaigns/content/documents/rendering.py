"""A document as the HTML of an email: its layout as MJML, made into HTML by mrml, and its blocks put into that.

The parser of the layout never sees a word of the author's: every place for content holds a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import mrml

from campaigns.content.documents import blocks, inline, schema, sheet
from campaigns.content.documents.blocks import TABLE, Frame
from campaigns.content.documents.inline import literal
from campaigns.content.documents.nodes import Document, Node, every, text_of
from campaigns.content.documents.schema import RATIOS
from campaigns.content.documents.style import Style

_SLOT = re.compile(r"@@(\d+)@@")
_MARGINS = re.compile(r"p \{ display: block; margin: 13px 0; \}\n?")  # of the layout; the style has its own
_EDGE = 28  # pixels above and below the content
_HEAD = (
    '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
    '<meta name="x-apple-disable-message-reformatting">'
)
_LONGEST_TITLE = 150


def html_of(written: str, *, language: str, public_url: str) -> str:
    """The HTML of a document as JSON text; raises DocumentError with the path of what is wrong.

    `language`: in which it is read. `public_url`: where images of ours are found.
    """
    return rendered(schema.read(written), language=language, public_url=public_url)


def rendered(document: Document, *, language: str, public_url: str, about: list[Node] | None = None) -> str:
    """The HTML of a checked document. `about`: those of its blocks that its title is taken from; else all."""
    title = _title(Document(document.style, about) if about else document)
    return _laid_out(document, text_of(document.content), title, language, public_url)


def around(html: str, *, words: str, title: str, style: Style, language: str, public_url: str) -> str:
    """Other HTML in the layout of a document; its words say which way it is read."""
    document = Document(style, [Node("html", {"source": html})])
    return _laid_out(document, words, _short(title), language, public_url)


def _laid_out(document: Document, words: str, title: str, language: str, public_url: str) -> str:
    is_rtl = inline.direction_of(words) == "rtl"
    frame = Frame(document.style, document.style.width, language, public_url, is_rtl)
    layout = _Layout(frame)
    body = layout.body(document)
    html = mrml.to_html(layout.mjml(document, body, title)).content
    return _SLOT.sub(lambda found: layout.slots[int(found[1])], _MARGINS.sub("", html))


class _Layout:
    """MJML in which each piece of content is a slot, filled in afterwards."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.slots: list[str] = []

    def mjml(self, document: Document, body: str, title: str) -> str:
        """The whole email; the body is made first, which knows what colours there are."""
        style, direction = document.style, "rtl" if self.frame.is_rtl else "ltr"
        words = {
            mark["color"]
            for node in every(document.content)
            for mark in node.marks
            if mark.type == "textColor"
        }
        return (
            f'<mjml lang="{self._slot(literal(self.frame.language))}" dir="{direction}"><mj-head>'
            f"<mj-title>{self._slot(title)}</mj-title>"
            f"<mj-style>{self._slot(sheet.for_all(style, cards=self.frame.cards, text_colours=words))}</mj-style>"
            f"<mj-style>{self._slot(sheet.for_some(style, cards=self.frame.cards, text_colours=words))}</mj-style>"
            f"{self._raw(_HEAD + sheet.for_outlook(style))}</mj-head>"
            f'<mj-body css-class="g" width="{style.width}px" background-color="{style.colours["background"]}">'
            f"{body}</mj-body></mjml>"
        )

    def body(self, document: Document) -> str:
        """The header, the content and the footer as sections."""
        style = document.style
        header, footer = self._header(document), style.footer.text.strip()
        edge = f'<tr><td height="{_EDGE}" style="height:{_EDGE}px;line-height:{_EDGE}px;font-size:1px">&nbsp;</td></tr>'
        parts = [
            self._section(f'<tr><td class="e" align="center">{header}</td></tr>', is_paper=False)
            if header
            else "",
            self._section(edge),
            self._sections(document.content),
            self._section(edge),
        ]
        if footer:
            lines = "<br>".join(literal(line) for line in footer.splitlines())
            cell = f'<tr><td class="f" align="{style.footer.align}">{lines}</td></tr>'
            parts.append(self._section(cell, is_paper=False))
        return "".join(parts)

    def _sections(self, nodes: Sequence[Node]) -> str:
        """Blocks as sections: columns need one each, what is between them shares one."""
        written = []
        for needs_own, group in groupby(nodes, key=_needs_own_section):
            if not needs_own:
                written.append(self._section(blocks.rows(list(group), self.frame)))
                continue
            for node in group:
                written.append(self._columns(node) if node.type == "columns" else self._personal(node))
        return "".join(written)

    def _personal(self, node: Node) -> str:
        start, _bar, end = blocks.personal(node, "|columns|").partition("|columns|")
        return f"{self._raw(start)}{self._sections(node.content)}{self._raw(end)}"

    def _columns(self, node: Node) -> str:
        shares = RATIOS[node.attrs["ratio"]]
        room = self.frame.style.width - 2 * sheet.GUTTER
        columns = "".join(
            self._column(each.content, room * share // sum(shares), f"{100 * share / sum(shares):.4f}%")
            for each, share in zip(node.content, shares, strict=True)
        )
        inside = columns if node.attrs["stacks"] else f"<mj-group>{columns}</mj-group>"
        return f'<mj-section {self._paper} padding="0 {sheet.GUTTER}px">{inside}</mj-section>'

    def _column(self, nodes: list[Node], room: int, width: str) -> str:
        """One of several columns; its blocks keep a gutter instead of the email's wide margin."""
        frame = replace(self.frame, room=room + 2 * (sheet.SIDE - sheet.GUTTER))
        inside = f'{TABLE} width="100%"><tbody>{blocks.rows(nodes, frame)}</tbody></table>'
        cell = f'<tr><td class="l">{inside}</td></tr>'
        return f'<mj-column width="{width}">{self._raw(cell)}</mj-column>'

    def _section(self, rows: str, *, is_paper: bool = True) -> str:
        paper = self._paper if is_paper else ""
        return (
            f'<mj-section {paper} padding="0"><mj-column>{self._raw(rows)}</mj-column></mj-section>'
            if rows
            else ""
        )

    @property
    def _paper(self) -> str:
        direction = ' direction="rtl"' if self.frame.is_rtl else ""
        return f'css-class="p" background-color="{self.frame.style.colours["content"]}"{direction}'

    def _header(self, document: Document) -> str:
        header = document.style.header
        logo = ""
        if header.logo:
            url = literal(blocks.image_url(header.logo, self.frame))
            width = min(header.logo_width, document.style.width - 2 * sheet.SIDE)
            logo = f'<img src="{url}" alt="{literal(header.logo_alt)}" width="{width}">'
        return "<br>".join(part for part in (logo, literal(header.text)) if part)

    def _raw(self, html: str) -> str:
        return f"<mj-raw>{self._slot(html)}</mj-raw>"

    def _slot(self, html: str) -> str:
        self.slots.append(html)
        return f"@@{len(self.slots) - 1}@@"


def _needs_own_section(node: Node) -> bool:
    return node.type == "columns" or (
        node.type == "personal" and any(each.type == "columns" for each in every(node.content))
    )


def _title(document: Document) -> str:
    """The first heading, or the first words: what screen readers say when the email is opened."""
    heading = next((node for node in every(document.content) if node.type == "heading"), None)
    words = text_of(heading.content if heading else document.content) or document.style.header.text
    return _short(words)


def _short(words: str) -> str:
    return literal(" ".join(words[:1000].split())[:_LONGEST_TITLE])
