"""Errors, warnings and passed checks about a message before it is sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from campaigns.content.checks import html_faults
from campaigns.content.compiled.compiling import Compiled, compile_content
from campaigns.content.compiled.links import SPECIAL
from campaigns.content.compiled.source import Source
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core import addresses
from campaigns.core.i18n import _, _n
from campaigns.mail.mime.parts import LARGEST_TOTAL

LONGEST_SUBJECT = 70
LONGEST_PREHEADER = 110
LARGE_HTML = 90 * 1024
CUT_HTML = 102 * 1024  # bytes: Gmail clips larger messages
SHORTEST_SHOUT = 8
MOST_UNKNOWN = 20  # unknown fields that are reported, each compared with all known ones

_FREEMAIL = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "aol.com",
        "icloud.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "qq.com",
        "163.com",
        "126.com",
        "mail.ru",
        "yandex.ru",
        "proton.me",
        "protonmail.com",
    ]
)
_CONTENT = frozenset({"subject", "preheader", "html", "text"})
_TEMPLATES = ("subject", "preheader", "from_name", "reply_to", "html", "text")
_TAG = re.compile(r"\{[{%#][^{}]*[}%#]\}")
_WORD = re.compile(r"\w+")
LARGE_FILES = 500 * 1024  # bytes
_ATTACHED = re.compile(
    r"(?<![-\w])attach(?:ed|ments?)\b|附件", re.I
)  # not `background-attachment` of a style
_FAKE_REPLY = re.compile(r"(re|fwd?|aw|wg|回复|转发)\s*[:：]", re.I)
_SHOUTING = re.compile(r"[!?！？]{2,}|\${2,}")


class Level(StrEnum):
    MUST = "must"
    LOOK = "look"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about one place: `where` names a field of the campaign or a setting; `line` starts at 1."""

    level: Level
    where: str
    sentence: Any
    line: int | None = None
    language: str = ""  # of the content it is about; empty: what everyone gets


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that are not in the message itself. `fields`: the merge tags of the people."""

    lists: int = 1
    audience_fault: Any = ""  # why nobody can say who the recipients are
    recipients: int = 1
    fields: frozenset[str] = frozenset()
    has_server: bool = True
    is_practice: bool = False
    is_known_sender: bool = True
    signature: str = "signing"  # or `none`, or `unpublished`: DNS does not have its keys as it should
    has_postal_address: bool = True
    files: int = 0  # bytes of what is attached
    images: int = 0  # bytes of the images that go with the email
    is_text_outdated: bool = False  # the HTML has changed since the text part was written by hand


def check_all(sources: Mapping[str, Source], facts: Facts) -> list[Finding]:
    """All findings of a message in several languages (its own under ""), errors first.

    Of another language only what is wrong with its content.
    """
    found = []
    for language, source in sources.items():
        every = check(source, replace(facts, is_text_outdated=False) if language else facts)
        theirs = [each for each in every if each.where in _CONTENT and each.level is not Level.FINE]
        found += [replace(each, language=language) for each in theirs] if language else every
    return sorted(found, key=lambda finding: list(Level).index(finding.level))


def check(source: Source, facts: Facts) -> list[Finding]:
    """All findings, errors first."""
    compiled, broken = _compiled(source)
    found = [*broken, *_recipients(facts), *_sender(source, facts), *_server(facts)]
    found += [*_subject(source, compiled), *_preheader(source)]
    found += _fields(source, facts, compiled)
    found += [*bodies_found(source), *_text(source, facts), *_postal(source, facts), *_files(source, facts)]
    found += _size(compiled) if compiled else []
    order = list(Level)
    return sorted(found, key=lambda finding: order.index(finding.level))


def bodies_found(source: Source) -> Iterator[Finding]:
    """Findings about the HTML itself: images, links, and elements that mail clients remove."""
    for level, sentence, line in html_faults.faults(source.html):
        yield Finding(Level(level), "html", sentence, line)


def _compiled(source: Source) -> tuple[Compiled | None, list[Finding]]:
    """The compiled content, or the errors that prevent it (the first of each template)."""
    errors: dict[tuple[str, int | None], Finding] = {}
    templates = {name: getattr(source, name) or "" for name in _TEMPLATES}
    tries: list[Callable[[], Any]] = [
        lambda name=name, text=text: merge_text.parse(merge_text.readable(text), where=name)  # type: ignore[misc]
        for name, text in templates.items()
    ]
    compiled = None
    if source.from_address:
        tries.append(lambda: compile_content(source))
    for attempt in tries:
        try:
            compiled = attempt()
        except ContentError as error:
            where = "from_email" if error.where == "from_address" else error.where
            finding = Finding(Level.MUST, where, error.reason, error.line)
            errors.setdefault((where, error.line), finding)
    return (compiled if isinstance(compiled, Compiled) else None), list(errors.values())


def _recipients(facts: Facts) -> Iterator[Finding]:
    if facts.audience_fault:
        yield Finding(Level.MUST, "lists", facts.audience_fault)
    elif not facts.lists:
        yield Finding(Level.MUST, "lists", _("Choose at least one list. There are no recipients yet."))
    elif not facts.recipients:
        yield Finding(
            Level.MUST, "lists", _("No one on the selected lists can receive email. Add people first.")
        )


def _sender(source: Source, facts: Facts) -> Iterator[Finding]:
    domain = addresses.domain_of(source.from_address)
    if not source.from_address:
        yield Finding(Level.MUST, "from_email", _("Choose a sender."))
    elif domain in _FREEMAIL:
        sentence = _(
            "Receivers trust email from %(domain)s only when it comes from its own servers.", domain=domain
        )
        yield Finding(Level.LOOK, "from_email", sentence)
    elif not facts.is_known_sender:
        yield Finding(Level.LOOK, "from_email", _("This address is no longer one of your senders."))


def _server(facts: Facts) -> Iterator[Finding]:
    if not facts.has_server:
        yield Finding(
            Level.MUST,
            "server",
            _("No sending server accepts email from this sender. Add one in Settings."),
        )
    elif facts.is_practice:
        sentence = _("This campaign goes to the test inbox. It is not delivered to anyone.")
        yield Finding(Level.LOOK, "server", sentence)
    elif facts.signature == "none":
        sentence = _("These emails are not signed with DKIM. Continue only if your server signs them.")
        yield Finding(Level.LOOK, "domains", sentence)
    elif facts.signature == "unpublished":
        sentence = _(
            "The DKIM record of the sender's domain is missing or different. Emails may be rejected."
        )
        yield Finding(Level.LOOK, "domains", sentence)


def _subject(source: Source, compiled: Compiled | None) -> Iterator[Finding]:
    if not source.subject.strip():
        yield Finding(Level.MUST, "subject", _("Enter a subject."))
        return
    subject = compiled.preview({}).subject if compiled else _TAG.sub("", source.subject)
    words = _TAG.sub("", source.subject)
    letters = [each for each in words if each.isalpha()]
    faults = []
    if len(subject) > LONGEST_SUBJECT:
        faults.append(
            _("The subject is %(number)d characters long. Phones show about 40.", number=len(subject))
        )
    if len(letters) >= SHORTEST_SHOUT and words.isupper():
        faults.append(_("The subject is all capitals. Spam filters and readers dislike that."))
    if _FAKE_REPLY.match(words.strip()):
        faults.append(_("The subject looks like a reply. Remove the prefix."))
    if _SHOUTING.search(words):
        faults.append(_("The subject repeats punctuation. Use one mark."))
    yield from (Finding(Level.LOOK, "subject", sentence) for sentence in faults)
    if not faults:
        sentence = _("The subject is %(number)d characters long.", number=len(subject))
        yield Finding(Level.FINE, "subject", sentence)


def _preheader(source: Source) -> Iterator[Finding]:
    length = len(_TAG.sub("", source.preheader).strip())
    if not source.preheader.strip():
        sentence = _("No preview text. Inboxes will show the first words of the email instead.")
        yield Finding(Level.LOOK, "preheader", sentence)
    elif length > LONGEST_PREHEADER:
        sentence = _("The preview text is %(number)d characters long. Inboxes show about 100.", number=length)
        yield Finding(Level.LOOK, "preheader", sentence)


def _fields(source: Source, facts: Facts, compiled: Compiled | None) -> Iterator[Finding]:
    known = facts.fields | SPECIAL
    unknown = compiled.fields - known if compiled else frozenset()
    places = _places(source) if unknown else {}
    for name in sorted(unknown)[:MOST_UNKNOWN]:
        yield Finding(Level.LOOK, *_place_and_words(name, known, places))
    if compiled and compiled.fields and not unknown:
        number = len(compiled.fields)
        sentence = _n("%(num)d merge tag, known.", "%(num)d merge tags, all known.", number)
        yield Finding(Level.FINE, "html", sentence)


def _place_and_words(
    name: str, known: frozenset[str], places: Mapping[str, tuple[str, int]]
) -> tuple[str, Any, int | None]:
    """Where an unknown field is first used, what to say of it, and in which line."""
    where, line = places.get(name, ("html", None))
    if like := get_close_matches(name, known, 1):
        return (
            where,
            _("There is no field “%(name)s”. Did you mean “%(like)s”?", name=name, like=like[0]),
            line,
        )
    sentence = _("No one has a value for “%(name)s”, so it prints its default or nothing.", name=name)
    return where, sentence, line


def unknown_fields(text: str, fields: frozenset[str]) -> Iterator[Finding]:
    """A warning for each field in a text that no one has, at its first line. Raises ContentError."""
    source = Source("", text, "", "", "")
    unknown = merge_text.parse(merge_text.readable(text), where="html").fields - fields - SPECIAL
    places = _places(source) if unknown else {}
    for name in sorted(unknown)[:MOST_UNKNOWN]:
        yield Finding(Level.LOOK, *_place_and_words(name, fields | SPECIAL, places))


def _places(source: Source) -> dict[str, tuple[str, int]]:
    """The first place of each word in a template tag."""
    found: dict[str, tuple[str, int]] = {}
    for where in _TEMPLATES:
        text, line, position = getattr(source, where) or "", 1, 0
        for tag in _TAG.finditer(text):
            line += text.count("\n", position, tag.start())
            position = tag.start()
            for word in _WORD.findall(tag[0]):
                found.setdefault(word, (where, line))
    return found


def _text(source: Source, facts: Facts) -> Iterator[Finding]:
    wrote = source.html if source.html.strip() else source.text
    if "unsubscribe_url" not in wrote:
        sentence = _("No unsubscribe link. A footer with one is added automatically.")
        yield Finding(Level.FINE, "html", sentence)
    else:
        yield Finding(Level.FINE, "html", _("Has an unsubscribe link."))
    if not source.text.strip():
        yield Finding(Level.FINE, "text", _("The plain-text version is generated from the HTML."))
    elif not source.html.strip():
        yield Finding(Level.FINE, "text", _("Plain-text email. Its HTML version is generated from the text."))
    elif facts.is_text_outdated:
        sentence = _("The HTML has changed since the plain-text version was written. Compare both.")
        yield Finding(Level.LOOK, "text", sentence)


def _postal(source: Source, facts: Facts) -> Iterator[Finding]:
    if not facts.has_postal_address:
        sentence = _("Your postal address is missing. Many countries require it in marketing emails.")
        yield Finding(Level.LOOK, "site", sentence)
        return
    wrote = source.html if source.html.strip() else source.text
    lines = source.footer.postal_address.splitlines() if source.footer else []
    if (
        lines
        and "unsubscribe_url" in wrote
        and html_faults.squeezed(lines[-1]) not in html_faults.squeezed(wrote)
    ):
        sentence = _("The postal address is missing because your own unsubscribe link replaces the footer.")
        yield Finding(Level.LOOK, "html", sentence)


def _files(source: Source, facts: Facts) -> Iterator[Finding]:
    total = facts.files + facts.images
    if total > LARGEST_TOTAL:
        sentence = _(
            "Attachments and images can have at most 10 MB together. Use smaller images or link to files."
        )
        yield Finding(Level.MUST, "files", sentence)
    elif total >= LARGE_FILES:
        sentence = _(
            "The attachments and images have %(each)d KB. Sent to %(people)d people, that is %(all)d MB.",
            each=round(total / 1024),
            people=facts.recipients,
            all=round(total * facts.recipients / 1024**2),
        )
        yield Finding(Level.LOOK, "files", sentence)
    elif facts.images:
        number = max(1, round(facts.images / 1024))
        yield Finding(Level.FINE, "files", _("The images have %(number)d KB in each email.", number=number))
    if not facts.files and _ATTACHED.search(source.subject + source.html + source.text):
        yield Finding(Level.LOOK, "files", _("The text mentions an attachment, but no file is attached."))


def _size(compiled: Compiled) -> Iterator[Finding]:
    size = len(compiled.bodies.wire_html.encode())
    kilobytes = round(size / 1024)
    if size >= CUT_HTML:
        sentence = _("The HTML is %(number)d KB. Gmail will clip it at 102 KB.", number=kilobytes)
        yield Finding(Level.LOOK, "html", sentence)
    elif size >= LARGE_HTML:
        sentence = _("The HTML is %(number)d KB. Gmail clips emails above 102 KB.", number=kilobytes)
        yield Finding(Level.LOOK, "html", sentence)
    else:
        yield Finding(Level.FINE, "html", _("The HTML is %(number)d KB.", number=max(1, kilobytes)))
