"""Which language a person gets. Pure."""

from __future__ import annotations

from collections.abc import Collection

from babel import Locale, UnknownLocaleError

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST = 16  # characters of a language tag


def best(wanted: str | None, offered: Collection[str]) -> str | None:
    """The offered language for a person who reads `wanted` (BCP 47); None: the campaign's own.

    The same tag first, then shorter ones ("pt" for "pt-BR", RFC 4647 section 3.4), then another variety.
    """
    if not wanted or not offered:
        return None
    known = {tag.lower(): tag for tag in sorted(offered)}
    parts = wanted.replace("_", "-").lower().split("-")
    for length in range(len(parts), 0, -1):
        if found := known.get("-".join(parts[:length])):
            return found
    return next((tag for lowered, tag in known.items() if lowered.split("-")[0] == parts[0]), None)


def checked(tag: str) -> str:
    """The tag in its usual spelling ("pt-BR"); raises Invalid(field="language") for what is no language."""
    try:
        return str(Locale.parse(tag[:LONGEST].replace("_", "-"), sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise Invalid(_("Choose a language."), field="language") from error


def name(tag: str, *, reader: str) -> str:
    """What the language is called, in the reader's language."""
    try:
        found = Locale.parse(tag, sep="-").get_display_name(reader.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return tag
    return f"{found[:1].upper()}{found[1:]}" if found else tag
