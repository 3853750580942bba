"""The ways to write an email, and the HTML that each becomes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from campaigns.core.i18n import _


class Format(StrEnum):
    """How an email is written. What is written in another format than HTML is kept beside the HTML made of it."""

    DOCUMENT = "document"  # blocks, as JSON
    MARKDOWN = "markdown"
    HTML = "html"
    TEXT = "text"  # plain text only

    @property
    def label(self) -> Any:
        return {
            Format.DOCUMENT: _("Visual editor"),
            Format.MARKDOWN: _("Markdown"),
            Format.HTML: _("HTML"),
            Format.TEXT: _("Plain text"),
        }[self]


# Which field holds what is written in a format.
SOURCES = {Format.DOCUMENT: "written", Format.MARKDOWN: "written", Format.HTML: "html", Format.TEXT: "text"}
