"""Two versions of a draft side by side: what differs, in words and in the source."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from campaigns.content.formats import Format
from campaigns.content.html import markup, plain
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _
from campaigns.planning.models import Campaign
from campaigns.planning.versions import contents, differences
from campaigns.planning.versions.contents import Content
from campaigns.planning.versions.differences import Line, Piece

# Shown as they read, in this order; the text of the email is compared as its readers read it.
_LINES = ("name", "subject", "preheader", "from_name", "from_email", "reply_to")
_CHOICES = ("layout", *contents.AUDIENCE, "server", "fails_over", "track_opens", "track_clicks", "format")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs, word by word."""

    label: Any
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two contents: `said` as its readers read it, `source` line by line."""

    said: list[Difference]
    source: list[list[Line]]

    @property
    def is_same(self) -> bool:
        return not (self.said or self.source)


def compare(before: Content, after: Content) -> Comparison:
    """What differs, from the older content to the newer one."""
    said = [
        Difference(label, differences.words(old, new))
        for label, old, new in _readings(before, after)
        if old != new
    ]
    return Comparison(said, differences.hunks(source_of(before), source_of(after)))


def source_of(content: Content) -> str:
    """What was written, for reading: a document as indented JSON."""
    form = content.get("format", Format.HTML)
    if form == Format.DOCUMENT:
        return _indented(content["written"])
    if form == Format.HTML and content.get("layout"):
        return str(content["written"])  # its HTML without the layout
    return str(content[{Format.MARKDOWN: "written", Format.TEXT: "text"}.get(form, "html")])


def text_of(content: Content) -> str:
    """The text of the email, as its readers see it; the source itself when that can't be read."""
    if content.get("format") == Format.TEXT:
        return str(content["text"])
    try:
        document = markup.protect(content["html"], where="html")
        return document.restored(plain.to_text(document))
    except (ContentError, ValueError, RecursionError):
        return str(content["html"])


def in_words(changed: Iterable[str]) -> str:
    """The changed fields as a list of words, each once."""
    return str(_(", ")).join(dict.fromkeys(str(contents.label(each)) for each in contents.in_order(changed)))


def as_campaign(content: Content) -> Campaign:
    """A campaign with that content, for a preview; it belongs to no session."""
    fields = (*contents.WRITTEN, *contents.SETTINGS)
    values = {field: content[field] for field in fields if field in content}
    return Campaign(**{**values, "format": Format(values.get("format", Format.HTML))})


def _readings(before: Content, after: Content) -> Iterable[tuple[Any, str, str]]:
    for field in _LINES:
        yield contents.label(field), str(before.get(field) or ""), str(after.get(field) or "")
    for field in _CHOICES:
        yield contents.label(field), _chosen(field, before.get(field)), _chosen(field, after.get(field))
    yield _("Text of the email"), text_of(before), text_of(after)
    if Format.TEXT not in (before.get("format"), after.get("format")):
        yield contents.label("text"), str(before.get("text") or ""), str(after.get("text") or "")


def _chosen(field: str, value: Any) -> str:
    if field == "format":
        return str(Format(value or Format.HTML).label)
    if field in contents.AUDIENCE:
        return ", ".join(name for _id, name in value or ())
    if field == "layout":
        return str(value[1]) if value else str(_("None"))
    if field == "server":
        return str(value[1]) if value else str(_("Automatic"))
    return str(_("On") if value else _("Off"))


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
