"""What the checks find in an email while it is being written."""

from __future__ import annotations

from collections.abc import Collection

from campaigns.content import rendering
from campaigns.content.checks import findings as checks
from campaigns.content.checks.findings import Finding, Level
from campaigns.content.compiled.source import Source
from campaigns.content.formats import SOURCES, Format
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core.errors import Invalid
from campaigns.planning import drafts, queries

MOST = 50


def of(format: Format, source: str, *, known: Collection[str] = ()) -> list[Finding]:
    """Errors and warnings about a source in that format, each at its line if it has one.

    `known`: fields that there are besides those of people.
    """
    where = SOURCES[format]
    try:
        merge_text.parse(merge_text.readable(source), where=where)
        if rendering.is_rendered(format):
            rendering.rendered(format, source, place=drafts.place())
    except ContentError as error:
        return [Finding(Level.MUST, where, error.reason, error.line)]
    except Invalid as error:
        return [Finding(Level.MUST, where, error.message)]
    fields = frozenset(queries.merge_fields()) | {"email", *known}
    found = list(checks.unknown_fields(source, fields))
    if format is Format.HTML:
        found += checks.bodies_found(Source("", source, "", "", ""))
    return [each for each in found if each.level is not Level.FINE][:MOST]
