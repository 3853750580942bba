"""Bundled starters: block documents that display well everywhere, to be edited."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from campaigns.content.documents import rendering
from campaigns.content.documents import style as styles
from campaigns.content.documents.nodes import VERSION
from campaigns.content.documents.style import Style
from campaigns.core.errors import NotFound
from campaigns.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, _

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "starters"


@dataclass(frozen=True, slots=True)
class Starter:
    """A starter: its file name, title and purpose."""

    key: str
    title: Any
    purpose: Any


STARTERS = (
    Starter("newsletter", _("Newsletter"), _("One main story, a second one and news in brief.")),
    Starter("note", _("Short note"), _("A few lines about one thing.")),
    Starter("announcement", _("Announcement"), _("Something new, and what it changes for readers.")),
    Starter("event", _("Invitation"), _("An event with date, place, program and an RSVP button.")),
    Starter("event_reminder", _("Event reminder"), _("When, where and what to bring, the day before.")),
    Starter("digest", _("Digest"), _("A list of the best reads, each with a link.")),
    Starter("welcome", _("Welcome"), _("The first email after someone signs up.")),
    Starter("offer", _("Offer"), _("A discount with a code, a deadline and two products.")),
    Starter("survey", _("Survey"), _("A few questions behind one button.")),
    Starter("receipt", _("Receipt"), _("An order with its items and total.")),
    Starter("alert", _("Service alert"), _("What is affected, what to do and what happened.")),
    Starter("letter", _("Letter"), _("Plain paragraphs, like a personal letter.")),
)
_KEYS = frozenset(starter.key for starter in STARTERS)


def written(key: str, *, language: str, site: str, postal_address: str, style: Style | None = None) -> str:
    """A starter as the JSON text of a document, with the site's name and address; raises NotFound.

    `style`: a brand's, in place of its own.
    """
    if key not in _KEYS:
        raise NotFound(_("Starter not found."))
    document = json.loads(_source(key, language if language in LANGUAGES else DEFAULT_LANGUAGE))
    lines = [line.strip() for line in postal_address.splitlines() if line.strip()]
    filled = _filled(document, {"[[site]]": site.strip(), "[[address]]": ", ".join(lines)})
    if style is not None:
        filled["style"] = styles.to_data(style)
    return json.dumps(filled, ensure_ascii=False)


def blank(style: Style | None = None) -> str:
    """An empty document as JSON text, in a brand's style or the app's own."""
    return json.dumps(
        {"version": VERSION, "style": styles.to_data(style or Style()), "content": [{"type": "paragraph"}]}
    )


def html(key: str, *, language: str, site: str, postal_address: str, style: Style | None = None) -> str:
    """A starter's HTML in that language, as its thumbnail shows it; raises NotFound."""
    document = written(key, language=language, site=site, postal_address=postal_address, style=style)
    return rendering.html_of(document, language=language, public_url="")


@lru_cache(maxsize=2 * len(STARTERS))
def _source(key: str, language: str) -> str:
    return (FOLDER / language / f"{key}.json").read_text(encoding="utf-8")


def _filled(part: Any, values: dict[str, str]) -> Any:
    """Plain data with its placeholders filled in: values are text there, and nothing else."""
    if isinstance(part, str):
        for placeholder, value in values.items():
            part = part.replace(placeholder, value)
        return part
    if isinstance(part, list):
        return [_filled(each, values) for each in part]
    if isinstance(part, dict):
        return {name: _filled(each, values) for name, each in part.items()}
    return part
