"""A draft as one real person would see it, rendered by the code that also sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from campaigns.audience import queries as audience_queries
from campaigns.audience.models import FieldKind, Subscriber
from campaigns.audit.services import View
from campaigns.content.compiled.compiling import Preview, preview_content, preview_html
from campaigns.content.compiled.links import SPECIAL
from campaigns.content.compiled.source import Source
from campaigns.content.formats import Format
from campaigns.content.language import merge_text, samples
from campaigns.content.language.merge_text import ContentError
from campaigns.content.language.samples import Hard
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _, translate
from campaigns.planning import drafts, queries, recipients
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries

LOOKED_AT = 300  # people among whom difficult ones are searched
MOST_CHOICES = 12
LONGEST_SEARCH = 320
CONTENT = ("subject", "preheader", "from_name", "html", "text")
LINES = ("subject", "preheader", "from_name", "reply_to")
_SPOKEN = {FieldKind.DATE: '{{ %s | date("long") }}', FieldKind.NUMBER: "{{ %s | number }}"}
UNSAVED = frozenset({*CONTENT, "written"})


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


def found(text: str) -> list[Subscriber]:
    """People to preview as, by a part of their address, name or fields."""
    return queries.people_found(text, most=MOST_CHOICES)


def view_of(campaign: Campaign) -> View:
    """A preview, and whom it can be made for, for the audit log."""
    return View("campaign.previewed", campaign.name, {})


def person_for(campaign: Campaign, who: str) -> Subscriber | None:
    """The person of a choice, an address or a part of a name; the newest for an empty text, None if unknown."""
    who = who.strip()[:LONGEST_SEARCH]
    if "@" in who and (person := queries.person_by_address(who)):
        return person
    if who.isascii() and who.isdigit() and len(who) < 18:
        return db.session.get(Subscriber, int(who))
    people = _people(campaign)
    if who in set(Hard):
        return samples.hardest(people, fields=_fields(campaign)).get(Hard(who))
    if who:
        return next(iter(found(who)), None)
    return people[0] if people else None


def render(campaign: Campaign, person: Subscriber | None, *, language: str | None = None) -> Preview:
    """Subject, HTML and text for that person (None: with all fields empty); raises ContentError.

    In that language, or else the person's.
    """
    return shown(source_for(campaign, person, language=language), person)


def source_for(campaign: Campaign, person: Subscriber | None, *, language: str | None = None) -> Source:
    """What that person would get, in that language, or else theirs."""
    return language_queries.source_for(
        campaign,
        language or (person.language if person else None),
        site=settings_queries.site(),
        list_=next(iter(campaign.lists), None),
        public_url=config.current().public_url,
    )


def unsaved(source: Source, campaign: Campaign, values: Mapping[str, str], *, translated: str = "") -> Source:
    """The source with what is in the editor instead of what is saved; raises Invalid for what can't be saved.

    `values`: those of subject, preheader, from_name, written, html and text that the page has; `translated`: the
    language that it edits, if it is not the campaign's own content.
    """
    known = {name: values[name] for name in UNSAVED & values.keys()}
    if not known.get("from_name", "").strip():
        known.pop("from_name", None)  # the sender's, which is saved with it
    written = _written_as(campaign, translated)
    cleaned = drafts.cleaned(known, format=written, layout=campaign.layout, language=translated)
    return replace(source, **{name: cleaned[name] for name in CONTENT if name in cleaned})


def _written_as(campaign: Campaign, language: str) -> Format:
    """How the content in that language is written; raises NotFound."""
    if not language:
        return campaign.format
    return language_queries.translation(campaign.id, language).format


def shown(source: Source, person: Subscriber | None, *, is_html_only: bool = False) -> Preview:
    """The rendered source for that person (None: with all fields empty); raises ContentError.

    `is_html_only`: without the text part, in half the time.
    """
    make = preview_html if is_html_only else preview_content
    return make(source, queries.values_of(person) if person else {})


def for_values(source: Source, values: Mapping[str, Any]) -> Preview:
    """The rendered source for a person with those values; raises ContentError."""
    return preview_content(source, values)


def preheader(source: Source, person: Subscriber | None) -> str:
    """The text that inboxes show after the subject; raises ContentError."""
    return preheader_for(source, queries.values_of(person) if person else {})


def preheader_for(source: Source, values: Mapping[str, Any]) -> str:
    """The text that inboxes show after the subject, for a person with those values; raises ContentError."""
    template = merge_text.parse(source.preheader, where="preheader", language=source.language)
    return template.render_line(values)


def merge_tags() -> list[tuple[str, Any]]:
    """The merge tags that can be inserted: each tag and what it prints."""
    tags: list[tuple[str, Any]] = [
        (f"{{{{ {key} | default({_stand_in(key)}) }}}}", label)
        for key, label in queries.merge_fields().items()
    ]
    kinds = [(field.key, field.label, field.kind) for field in audience_queries.fields()]
    tags += [
        (_SPOKEN[kind] % key, _spoken_label(kind, label)) for key, label, kind in kinds if kind in _SPOKEN
    ]
    return [
        *tags,
        ("{{ email }}", _("Email address")),
        ("{{ unsubscribe_url }}", _("Unsubscribe page URL")),
        ("{{ preferences_url }}", _("Preferences page URL")),
        ("{{ web_view_url }}", _("Web version URL")),
        ("{{ share_url }}", _("Web version URL to share, without personal data")),
    ]


def _spoken_label(kind: FieldKind, field: str) -> Any:
    if kind is FieldKind.DATE:
        return _("%(field)s, written out", field=field)
    return _("%(field)s, with separators", field=field)


def line_faults(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the tags of each line that is written, as a sentence; empty for nothing."""
    known = frozenset(queries.merge_fields()) | {"email"} | SPECIAL
    return {name: _line_fault(values[name], name, known) for name in LINES if name in values}


def _line_fault(line: str, where: str, known: frozenset[str]) -> str:
    try:
        unknown = sorted(merge_text.parse(line, where=where).fields - known) if "{" in line else []
    except ContentError as error:
        return str(error.reason)
    if not unknown:
        return ""
    return translate("There is no field “%(name)s”. It will be empty.", name=unknown[0][:40])


def _stand_in(key: str) -> str:
    """The fallback for an empty value: a word where a name would be missed, else empty."""
    friend = _("friend")
    return f'"{friend}"' if key in ("first_name", "name") else '""'


def _people(campaign: Campaign) -> list[Subscriber]:
    """Some who will get it; anybody on its lists while a segment needs a correction, which the check page tells."""
    try:
        audience = recipients.meant_by(campaign)
    except Invalid:
        audience = recipients.Audience([each.id for each in campaign.lists])
    return recipients.some_who_get_it(audience, most=LOOKED_AT)


def _fields(campaign: Campaign) -> frozenset[str]:
    """The merge tags in use; empty if the content cannot be parsed."""
    found: frozenset[str] = frozenset()
    for where in (*CONTENT, "reply_to"):
        try:
            found |= merge_text.parse(getattr(campaign, where) or "", where=where).fields
        except ContentError:
            continue
    return found - SPECIAL
