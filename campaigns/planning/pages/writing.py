"""What the page of an editor shows beside the fields: the other formats, the text part, words for its script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from campaigns.content.formats import Format
from campaigns.core.i18n import _
from campaigns.planning.models import Campaign
from campaigns.planning.pages.conversion import ways_of
from campaigns.planning.writing import conversions

# Formats that are written as code: their pages load the code editor.
AS_CODE = frozenset({Format.HTML, Format.MARKDOWN})
# What the code editor says, by what it is called there.
PHRASES = {
    "Find": _("Find"),
    "Replace": _("Replace"),
    "next": _("Next"),
    "previous": _("Previous"),
    "all": _("Select all"),
    "match case": _("Match case"),
    "regexp": _("Regular expression"),
    "by word": _("Whole words"),
    "replace": _("Replace"),
    "replace all": _("Replace all"),
    "close": _("Close"),
    "Fold line": _("Fold"),
    "Unfold line": _("Unfold"),
    "No diagnostics": _("No problems found"),
    "Diagnostics": _("Problems"),
    "Completions": _("Suggestions"),
    "Go to line": _("Go to line"),
    "go": _("Go"),
    "current match": _("Current match"),
    "replaced $ matches": _("Replaced $ matches"),
    "link text": _("link text"),
    "keys": _("Press Esc, then Tab, to leave the editor."),
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A button above the editor of Markdown."""

    name: str
    icon: str
    label: Any


TOOLS = (
    Tool("bold", "bold", _("Bold")),
    Tool("italic", "italic", _("Italic")),
    Tool("heading", "heading", _("Heading")),
    Tool("link", "link", _("Link")),
    Tool("bullets", "list", _("Bullet list")),
    Tool("numbers", "list-numbers", _("Numbered list")),
    Tool("quote", "quote", _("Quote")),
)


def parts_of(campaign: Campaign) -> dict[str, Any]:
    """The values for the editor's template."""
    return {
        **code_parts(campaign, campaign.format),
        "ways": ways_of(campaign),
        "can_undo_conversion": conversions.can_undo(campaign),
        "is_text_generated": not campaign.text.strip(),
        "is_text_own": bool(campaign.text.strip()),
        "is_text_outdated": campaign.is_text_outdated,
    }


def code_parts(campaign: Campaign, format: Format) -> dict[str, Any]:
    """The values for an editor of the campaign's content in that format, in whichever language."""
    url = url_for("planning.find", campaign_id=campaign.id, format=format.value)
    return code_values(format, findings_url=url)


def code_values(format: Format, *, findings_url: str) -> dict[str, Any]:
    """The values for an editor of that format; `findings_url` says what is wrong in what is written."""
    return {
        "is_code": format in AS_CODE,
        "markdown_tools": TOOLS,
        "phrases": {name: str(words) for name, words in PHRASES.items()},
        "findings_url": findings_url,
    }
