"""The values of a draft: cleaned, or refused with their field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.content import rendering
from campaigns.content.compiled import sender
from campaigns.content.formats import SOURCES, Format
from campaigns.content.language.merge_text import LARGEST_SOURCE
from campaigns.content.rendering import Place
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.core import addresses, config
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries

LONGEST = {"name": 200, "subject": 500, "preheader": 500, "from_name": 100}
LONGEST_REPLY_TO = 320  # characters
LINES = frozenset({"name", "subject", "preheader", "from_name"})
ADDRESSES = frozenset({"from_email", "reply_to"})
TEXTS = frozenset({"html", "text", "written"})
AUDIENCE = frozenset({"lists", "segments", "excluded_lists", "excluded_segments"})
OTHERS = AUDIENCE | {"format", "layout", "server", "fails_over", "track_opens", "track_clicks"}
FIELDS = LINES | ADDRESSES | TEXTS | OTHERS


def cleaned(
    values: Mapping[str, Any],
    *,
    format: Format = Format.HTML,
    layout: Template | None = None,
    language: str = "",
) -> dict[str, Any]:
    """The values as stored; raises Invalid with the field that has to be corrected.

    `format` and `layout`: how the email is written and what is around it, unless the values say so. HTML is made
    of what is written, read in that language or else in the site's; in a layout, also of HTML, and what was written is
    `written` then.
    """
    unknown = values.keys() - FIELDS
    if unknown:
        raise TypeError(f"a campaign has no {', '.join(sorted(unknown))}")
    kept = dict(values)
    for field in LINES & values.keys():
        kept[field] = _line(values[field] or "", field=field)
    for field in TEXTS & values.keys():
        kept[field] = _text(values[field] or "", field=field)
    if "from_name" in values:
        sender.checked_name(kept["from_name"])
    if "from_email" in values:
        kept["from_email"] = _address(values["from_email"], field="from_email") or ""
    if "reply_to" in values:
        kept["reply_to"] = _reply_to(values["reply_to"])
    if "name" in values and not kept["name"]:
        raise Invalid(_("Enter a campaign name. Recipients don't see it."), field="name")
    return kept | _html_of(kept, values.get("format", format), values.get("layout", layout), language)


def saved_by(campaign: Campaign, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as that campaign would store them, without rendering what isn't HTML: for comparing."""
    is_html = campaign.format is Format.HTML and "format" not in values
    return cleaned(values, layout=campaign.layout if is_html else None)


def place(language: str = "") -> Place:
    """Where this site's emails are rendered; without a language, in the site's."""
    return Place(language or settings_queries.site().language, config.current().public_url)


def differing(campaign: Campaign, values: Mapping[str, Any]) -> list[str]:
    """The fields, sorted by name, in which the campaign has other values."""
    return sorted(field for field, value in values.items() if _differs(getattr(campaign, field), value))


def _html_of(
    values: Mapping[str, Any], format: Format, layout: Template | None, language: str
) -> dict[str, Any]:
    """The HTML of what is written; nothing where that isn't saved, or is no format that is rendered."""
    if layout is not None:
        return _in_layout(values, format, layout, language)
    if not rendering.is_rendered(format) or "written" not in values:
        return {}
    html = rendering.rendered(format, values["written"], place=place(language))
    return {"html": _text(html, field="written")}


def _in_layout(values: Mapping[str, Any], format: Format, layout: Template, language: str) -> dict[str, Any]:
    """The HTML of what is written with its layout around it."""
    field = SOURCES[format]
    if field not in values:
        return {}
    if not layouts.takes(layout, format):
        raise Invalid(_("Choose a layout that takes the format of this campaign."), field="layout")
    around = layouts.layout_of(layout)
    html = _text(layouts.composed(around, format, values[field], place=place(language)), field=field)
    return {"written": values[field], "html": html}


def _differs(held: Any, value: Any) -> bool:
    return set(held) != set(value) if isinstance(held, list) else held != value


def _line(text: str, *, field: str) -> str:
    """One line: line breaks and other control characters become spaces, against header injection."""
    line = " ".join("".join(" " if ord(each) < 32 or ord(each) == 127 else each for each in text).split())
    if len(line) > LONGEST[field]:
        raise Invalid(_("Use at most %(number)d characters.", number=LONGEST[field]), field=field)
    return line


def _text(text: str, *, field: str) -> str:
    """Content with plain line feeds and without NUL, which databases reject."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if len(kept) > LARGEST_SOURCE:
        raise Invalid(_("The content is too large. Use at most 512 KB."), field=field)
    return kept


def _reply_to(text: str | None) -> str | None:
    """An address, or a line whose merge tags print one."""
    if "{" not in (text or ""):
        return _address(text, field="reply_to")
    kept = sender.checked_reply_to((text or "").replace("\0", ""))
    if len(kept) > LONGEST_REPLY_TO:
        raise Invalid(_("Use at most %(number)d characters.", number=LONGEST_REPLY_TO), field="reply_to")
    return kept


def _address(text: str | None, *, field: str) -> str | None:
    if not (text or "").strip():
        return None
    try:
        return addresses.clean(text or "")
    except (addresses.BadAddress, UnicodeError) as error:
        raise Invalid(_("Enter an email address like name@example.com."), field=field) from error
