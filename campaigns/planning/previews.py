"""A draft as one real person would see it, rendered by the code that also sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.audience.models import Subscriber
from campaigns.audit.services import View
from campaigns.content.compiled.compiling import Preview, preview_content
from campaigns.content.compiled.links import SPECIAL
from campaigns.content.language import merge_text, samples
from campaigns.content.language.merge_text import ContentError
from campaigns.content.language.samples import Hard
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.planning import queries, recipients
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries

LOOKED_AT = 300  # people among whom difficult ones are searched
MOST_CHOICES = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """A person to preview as: `value` is used in the URL, `why` says what is difficult, empty for others."""

    value: str
    person: Subscriber
    why: Any = ""


def choices(campaign: Campaign) -> list[Choice]:
    """The newest person, who is the default; those with difficult data; some more."""
    people = _people(campaign)
    anybody = [Choice(str(person.id), person) for person in people[:MOST_CHOICES]]
    hard = samples.hardest(people, fields=_fields(campaign))
    return [
        *anybody[:1],
        *(Choice(kind.value, person, kind.label) for kind, person in hard.items()),
        *anybody[1:],
    ]


def view_of(campaign: Campaign) -> View:
    """A preview, and whom it can be made for, for the audit log."""
    return View("campaign.previewed", campaign.name, {})


def person_for(campaign: Campaign, who: str) -> Subscriber | None:
    """The person of a choice or an address; the newest for an empty text, None if unknown."""
    who = who.strip()
    if "@" in who:
        return queries.person_by_address(who)
    if who.isascii() and who.isdigit() and len(who) < 18:
        return db.session.get(Subscriber, int(who))
    people = _people(campaign)
    if who in set(Hard):
        return samples.hardest(people, fields=_fields(campaign)).get(Hard(who))
    return people[0] if people and not who else None


def render(campaign: Campaign, person: Subscriber | None, *, language: str | None = None) -> Preview:
    """Subject, HTML and text for that person (None: with all fields empty); raises ContentError.

    In that language, or else the person's.
    """
    source = language_queries.source_for(
        campaign,
        language or (person.language if person else None),
        site=settings_queries.site(),
        list_=next(iter(campaign.lists), None),
        public_url=config.current().public_url,
    )
    return preview_content(source, queries.values_of(person) if person else {})


def preheader(campaign: Campaign, person: Subscriber | None) -> str:
    """The text that inboxes show after the subject; raises ContentError."""
    template = merge_text.parse(campaign.preheader, where="preheader")
    return template.render_line(queries.values_of(person) if person else {})


def merge_tags() -> list[tuple[str, Any]]:
    """The merge tags that can be inserted: each tag and what it prints."""
    tags: list[tuple[str, Any]] = [
        (f"{{{{ {key} | default({_stand_in(key)}) }}}}", label)
        for key, label in queries.merge_fields().items()
    ]
    return [
        *tags,
        ("{{ email }}", _("Email address")),
        ("{{ unsubscribe_url }}", _("Unsubscribe page URL")),
        ("{{ preferences_url }}", _("Preferences page URL")),
        ("{{ web_view_url }}", _("Web version URL")),
    ]


def _stand_in(key: str) -> str:
    """The fallback for an empty value: a word where a name would be missed, else empty."""
    friend = _("friend")
    return f'"{friend}"' if key in ("first_name", "name") else '""'


def _people(campaign: Campaign) -> list[Subscriber]:
    return recipients.some_who_get_it([each.id for each in campaign.lists], most=LOOKED_AT)


def _fields(campaign: Campaign) -> frozenset[str]:
    """The merge tags in use; empty if the content cannot be parsed."""
    found: frozenset[str] = frozenset()
    for where in ("subject", "preheader", "html", "text"):
        try:
            found |= merge_text.parse(getattr(campaign, where), where=where).fields
        except ContentError:
            continue
    return found - SPECIAL
