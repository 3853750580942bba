"""The HTML of an email that is written in another format than HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from campaigns.content.documents import rendering as documents
from campaigns.content.formats import Format


@dataclass(frozen=True, slots=True)
class Place:
    """Where an email is rendered: the language it is read in, and the URL under which this site is reached."""

    language: str
    public_url: str


# What makes HTML of what is written; raises Invalid(field="written") for what can't be rendered.
Render = Callable[[str, Place], str]


def _markdown(written: str, place: Place) -> str:
    from campaigns.content.markdown import rendering as markdown  # most commands do not need its parser

    return markdown.html_of(written, language=place.language, public_url=place.public_url)


RENDERERS: dict[Format, Render] = {
    Format.DOCUMENT: lambda written, place: documents.html_of(
        written, language=place.language, public_url=place.public_url
    ),
    Format.MARKDOWN: _markdown,
}


def is_rendered(format: Format) -> bool:
    """Whether HTML is made of what is written; other formats are kept as they go out."""
    return format in RENDERERS


def rendered(format: Format, written: str, *, place: Place) -> str:
    """The HTML of what is written, empty for nothing; raises Invalid(field="written") with a sentence."""
    return RENDERERS[format](written, place) if written.strip() else ""
