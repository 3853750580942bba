"""What the page of an editor shows beside the fields: the other formats, the text part, words for its script."""

from __future__ import annotations

from typing import Any

from campaigns.content.formats import Format
from campaigns.core.i18n import _
from campaigns.planning import conversions
from campaigns.planning.models import Campaign
from campaigns.planning.pages.conversion import ways_of

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


def parts_of(campaign: Campaign) -> dict[str, Any]:
    """The values for the editor's template."""
    return {
        "ways": ways_of(campaign),
        "can_undo_conversion": conversions.can_undo(campaign),
        "is_code": campaign.format in AS_CODE,
        "phrases": {name: str(words) for name, words in PHRASES.items()},
        "is_text_own": bool(campaign.text.strip()),
        "is_text_outdated": campaign.is_text_outdated,
    }
