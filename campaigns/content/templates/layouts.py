"""Layouts: templates around an email. Where the field `campaign_content` stands, a campaign's own content goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.content.documents import rendering as documents
from campaigns.content.documents import schema, snippets
from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.nodes import Document, Node, every
from campaigns.content.formats import SOURCES, Format
from campaigns.content.html import markup
from campaigns.content.importing import from_html
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.content.rendering import Place
from campaigns.content.templates.models import Template
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

SLOT = "campaign_content"  # no field of people can be called so (`audience.values`)
TAG = f"{{{{ {SLOT} }}}}"
# What a new layout begins with: the place, and nothing around it.
BLANK_HTML = f"<html>\n<body>\n{TAG}\n</body>\n</html>\n"
BLANK_BLOCKS: tuple[dict[str, Any], ...] = (
    {"type": "paragraph", "content": [{"type": "mergeTag", "attrs": {"name": SLOT}}]},
)
_TAG = re.compile(r"\{\{-?\s*campaign_content\s*-?\}\}")
# The formats that a layout of each format can be put around.
TAKES: Mapping[Format, tuple[Format, ...]] = {
    Format.DOCUMENT: (Format.DOCUMENT, Format.MARKDOWN, Format.HTML),
    Format.HTML: (Format.MARKDOWN, Format.HTML),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """What is around an email: the source of a layout in its format."""

    format: Format
    source: str


def layout_of(template: Template) -> Layout:
    """The layout that a template is."""
    return Layout(template.format, getattr(template, SOURCES[template.format]))


def takes(template: Template, format: Format) -> bool:
    """Whether it is a layout that can be put around emails of that format."""
    return template.is_layout and format in TAKES.get(template.format, ())


def check(layout: Layout) -> None:
    """Raises Invalid with the field to correct unless exactly one place is left for the content."""
    if layout.format not in TAKES:
        raise Invalid(_("Only templates in the visual editor or HTML can be layouts."), field="is_layout")
    if layout.format is Format.DOCUMENT:
        _check_document(schema.read(layout.source))
    else:
        _check_html(layout.source)


def composed(layout: Layout, format: Format, source: str, *, place: Place) -> str:
    """The HTML of an email in a layout that takes its format; raises Invalid with the field of the email to correct."""
    try:
        if layout.format is Format.DOCUMENT:
            return _in_document(layout, format, source, place)
        return _in_html(layout, format, source, place)
    except DocumentError as error:
        raise Invalid(error.message, field=SOURCES[format]) from error
    except ContentError as error:
        raise Invalid(error.message, field=SOURCES[format]) from error


# -- in a document


def _check_document(document: Document) -> None:
    number = sum(_slots_in(node) for node in every(document.content))
    _check_number(number, field="written")
    slots = [node for node in document.content if _is_slot(node)]
    rest = Document(document.style, [node for node in document.content if node not in slots])
    left = documents.rendered(rest, language="en", public_url="")
    if not slots or SLOT in merge_text.parse(left, where="written").fields:
        raise Invalid(
            _(
                "The field %(name)s must stand in a paragraph of its own, outside columns, cards and lists.",
                name=SLOT,
            ),
            field="written",
        )


def _in_document(layout: Layout, format: Format, source: str, place: Place) -> str:
    around, inside = schema.read(layout.source), _blocks(format, source, place)
    content = [each for node in around.content for each in (inside if _is_slot(node) else [node])]
    return documents.rendered(
        Document(around.style, content),
        language=place.language,
        public_url=place.public_url,
        about=inside,
    )


def _blocks(format: Format, source: str, place: Place) -> list[Node]:
    """An email's content as blocks."""
    if not source.strip():
        return []
    if format is Format.DOCUMENT:
        return schema.read(source).content
    if format is Format.MARKDOWN:
        return [Node("html", {"source": _markdown(source, place)})]
    return schema.read(from_html.document_of(source)).content


def _is_slot(node: Node) -> bool:
    """Whether a block is nothing but the place of the content."""
    if node.type == "html":
        return _TAG.fullmatch(node.attrs["source"].strip()) is not None
    said = [each for each in node.content if each.type != "text" or each.text.strip()]
    return node.type == "paragraph" and len(said) == 1 and _slots_in(said[0]) == 1


def _slots_in(node: Node) -> int:
    """How often a node by itself has the place of the content."""
    if node.type == "html":
        return len(_TAG.findall(node.attrs["source"]))
    return int(node.type == "mergeTag" and node.attrs["name"] == SLOT)


# -- in HTML


def _check_html(source: str) -> None:
    document = markup.protect(source, where="html")
    places = _places(document)
    _check_number(len(places), field="html")
    left = _TAG.sub("", source)
    if not _stands_in_body(document, places[0]) or SLOT in merge_text.parse(left, where="html").fields:
        raise Invalid(
            _(
                "The field %(name)s must stand in the body, between elements: not in an attribute or a comment.",
                name=SLOT,
            ),
            field="html",
        )


def _in_html(layout: Layout, format: Format, source: str, place: Place) -> str:
    document = markup.protect(layout.source, where="html")
    number = _places(document)[0]
    document.tags[number] = ("data", _fragment(format, source, place), document.tags[number][2])
    return document.restored(document.text)


def _fragment(format: Format, source: str, place: Place) -> str:
    """An email's content as HTML that can stand between elements."""
    if not source.strip():
        return ""
    if format is Format.MARKDOWN:
        return _markdown(source, place)
    return str(snippets.checked(from_html.body_of(source), ""))


def _places(document: markup.Marked) -> list[int]:
    """The numbers of the tags that are the place of the content."""
    return [number for number, (_kind, tag, _line) in enumerate(document.tags) if _TAG.fullmatch(tag)]


def _stands_in_body(document: markup.Marked, number: int) -> bool:
    mark, in_head = f"\ue000{number}\ue001", False
    for part in document.parts:
        if part.name == "head":
            in_head = part.kind == "start"
        if mark in document.text[part.start : part.end]:
            return part.kind == "text" and not in_head
    return False


# -- in both


def _check_number(number: int, *, field: str) -> None:
    if number == 0:
        raise Invalid(
            _(
                "A layout needs a place for the content of campaigns: insert the field %(name)s once.",
                name=SLOT,
            ),
            field=field,
        )
    if number > 1:
        raise Invalid(
            _(
                "The field %(name)s stands in this layout %(number)d times. Use it once.",
                name=SLOT,
                number=number,
            ),
            field=field,
        )


def _markdown(source: str, place: Place) -> str:
    from campaigns.content.markdown import rendering as markdown  # most commands do not need its parser

    return markdown.block_of(source, public_url=place.public_url)
