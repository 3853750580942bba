"""The values of a template: cleaned, or refused with their field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.content import rendering
from campaigns.content.formats import SOURCES, Format
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import LARGEST_SOURCE, ContentError
from campaigns.content.rendering import Place
from campaigns.content.templates import layouts
from campaigns.content.templates.layouts import Layout
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST = {"name": 200, "subject": 500, "preheader": 500}
TEXTS = ("written", "html", "text")
FIELDS = frozenset({*LONGEST, *TEXTS, "is_layout"})


def cleaned(values: Mapping[str, Any], *, format: Format, place: Place) -> dict[str, Any]:
    """The values as stored, with the HTML of what is written; raises Invalid with the field to correct.

    Content that couldn't be sent is refused: many campaigns may begin with it.
    """
    kept = dict(values)
    for field in LONGEST.keys() & values.keys():
        kept[field] = _line(values[field] or "", field=field)
    if "name" in values:
        kept["name"] = name(values["name"] or "")
    for field in set(TEXTS) & values.keys():
        kept[field] = _text(values[field] or "", field=field)
    if rendering.is_rendered(format) and "written" in kept:
        html = rendering.rendered(format, kept["written"], place=place)
        kept["html"] = _text(html, field="written")
    _check(kept)
    if kept.get("is_layout") and SOURCES[format] in kept:
        layouts.check(Layout(format, kept[SOURCES[format]]))
    return kept


def name(text: str) -> str:
    """The name as stored; raises Invalid(field="name")."""
    kept = _line(text, field="name")
    if not kept:
        raise Invalid(_("Enter a name."), field="name")
    return kept


def _check(values: Mapping[str, Any]) -> None:
    for field in ("subject", "preheader", "html", "text"):
        if field in values:
            _parse(values[field], field=field)


def _parse(source: str, *, field: str) -> None:
    try:
        merge_text.parse(source, where=field)
    except ContentError as error:
        raise Invalid(error.message, field=field) from error


def _line(text: str, *, field: str) -> str:
    """One line: control characters become spaces."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(line) > LONGEST[field]:
        raise Invalid(_("Use at most %(number)d characters.", number=LONGEST[field]), field=field)
    return line.encode("utf-8", "replace").decode()


def _text(text: str, *, field: str) -> str:
    """Content with plain line feeds, and without what databases reject: NUL and halves of characters."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if len(kept) > LARGEST_SOURCE:
        raise Invalid(_("The content is too large. Use at most 512 KB."), field=field)
    return kept.encode("utf-8", "replace").decode()
