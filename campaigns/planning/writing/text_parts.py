"""The text part of a draft: generated from its HTML, or written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from campaigns.content.compiled import marks, text_part
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.planning import services
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries

MOST_LINES = 3000  # compared; more are shown without marks


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the text as it is generated beside one that was written; None where the other has more."""

    generated: str | None
    written: str | None
    differs: bool


def generated(campaign: Campaign) -> str:
    """The text part that its HTML makes; raises ContentError."""
    return text_part.generated(campaign.html, language=settings_queries.site().language)


def take_over(campaign: Campaign, *, now: datetime) -> None:
    """Begin to write the text part by hand, with the generated text.

    Raises Invalid where there is no HTML or it can't be read, Conflict when it is no draft any more.
    """
    if not campaign.html.strip():
        raise Invalid(_("The email is empty. Add content first."), field="text")
    text = generated(campaign)
    services.save_draft(campaign, version=campaign.version, values={"text": text}, now=now)


def use_generated(campaign: Campaign, *, now: datetime) -> None:
    """Generate the text part from the HTML again; raises Conflict when it is no draft any more."""
    services.save_draft(campaign, version=campaign.version, values={"text": ""}, now=now)


def keep(campaign: Campaign) -> None:
    """Take the text part as it is for one that fits the HTML of now."""
    campaign.text_written_for = marks.mark_of(campaign.html)


def compared(campaign: Campaign) -> list[Row]:
    """The generated text beside the one written by hand, line by line; raises ContentError."""
    ours, theirs = generated(campaign).splitlines(), campaign.text.splitlines()
    if len(ours) + len(theirs) > MOST_LINES:
        return [Row("\n".join(ours), "\n".join(theirs), differs=False)]
    rows = []
    for tag, start, end, other_start, other_end in SequenceMatcher(None, ours, theirs, False).get_opcodes():
        left, right = ours[start:end], theirs[other_start:other_end]
        for at in range(max(len(left), len(right))):
            rows.append(
                Row(
                    left[at] if at < len(left) else None,
                    right[at] if at < len(right) else None,
                    differs=tag != "equal",
                )
            )
    return rows
