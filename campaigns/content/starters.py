"""Bundled starters: messages that display well everywhere, to be edited."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

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
    Starter("letter", _("Plain letter"), _("A few paragraphs of plain text, like a personal letter.")),
    Starter("newsletter", _("Newsletter"), _("A heading and three short stories, each with a link.")),
    Starter("invitation", _("Invitation"), _("An event with date, place and an RSVP button.")),
)


def html(key: str, *, language: str, site: str, postal_address: str) -> str:
    """A starter's HTML in that language, with the site's name and address; raises NotFound."""
    if key not in {starter.key for starter in STARTERS}:
        raise NotFound(_("Starter not found."))
    folder = FOLDER / (language if language in LANGUAGES else DEFAULT_LANGUAGE)
    source = (folder / f"{key}.html").read_text(encoding="utf-8")
    lines = [_literal(line) for line in postal_address.splitlines() if line.strip()]
    if not lines:  # the line is removed with its break
        source = source.replace("  [[address]]<br>\n", "")
    return source.replace("[[site]]", _literal(site)).replace("[[address]]", "<br>".join(lines))


def _literal(text: str) -> str:
    """Text as HTML in which nothing is read as a template tag."""
    return escape(text).replace("{", "&#123;")
