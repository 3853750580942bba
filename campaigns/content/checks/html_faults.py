"""Finds faults in the HTML of a message as its author wrote it: images, links, elements."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from jinja2 import TemplateSyntaxError

from campaigns.content.html import markup, phone_rules
from campaigns.content.html.markup import Lines, Marked, Part
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _, _n

MOST_RULES = 5  # phone rules that are reported
SHORTEST_TEXT = 200  # characters: with images and less text, filters classify a message as a picture
_DROPPED = frozenset({"script", "form", "iframe", "object", "embed", "video", "audio", "input", "button"})
_SHORTENERS = frozenset(
    {"bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "buff.ly", "rebrand.ly", "t.cn", "dwz.cn"}
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
_HOST_IN_TEXT = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?", re.I)

Fault = tuple[str, Any, int | None]  # level, sentence, line


def faults(html: str) -> Iterator[Fault]:
    """Findings about an HTML source, good ones included; none if it cannot be parsed as a template."""
    if not html.strip():
        return
    try:
        document = markup.protect(_without_comments(html), where="html")
    except (ContentError, TemplateSyntaxError):  # reported as a template error
        return
    parts, lines = document.parts, Lines(document)
    yield from _images(document, parts, lines)
    yield from _links(document, parts, lines)
    yield from _dropped(document, parts, lines)
    yield from _without_effect(document, lines)


def squeezed(text: str) -> str:
    """Text for comparing: entities decoded, runs of white space as one space."""
    return " ".join(unescape(text).split()).casefold()


def _without_comments(html: str) -> str:
    """Without template comments, except for their line breaks, so that line numbers stay correct."""
    parts, position = [], 0
    while (start := html.find("{#", position)) >= 0 and (end := html.find("#}", start + 2)) >= 0:
        parts += [html[position:start], "\n" * html.count("\n", start, end)]
        position = end + 2
    return "".join([*parts, html[position:]])


def _images(document: Marked, parts: Sequence[Part], lines: Lines) -> Iterator[Fault]:
    images = [part for part in parts if part.kind == "start" and part.name == "img"]
    bare = [part for part in images if _value(document, part, "alt") is None]
    if bare:
        sentence = _n(
            "%(num)d image has no alt text.",
            "%(num)d images have no alt text.",
            len(bare),
        )
        yield "look", sentence, lines.at(bare[0].start)
    for part in images:
        yield from _image(document, part, lines)
    if images and not bare:
        yield (
            "fine",
            _n("%(num)d image, with alt text.", "%(num)d images, all with alt text.", len(images)),
            None,
        )
    text = "".join(document.text[part.start : part.end] for part in parts if part.kind == "text")
    if images and len(squeezed(text)) < SHORTEST_TEXT:
        yield (
            "look",
            _("There is little text compared with images. Spam filters distrust image-only emails."),
            None,
        )


def _image(document: Marked, part: Part, lines: Lines) -> Iterator[Fault]:
    source = (_value(document, part, "src") or "").strip()
    if markup.MARK.match(source):
        return
    if source.startswith("http://"):
        yield "look", _("An image is loaded without encryption. Use https://."), lines.at(part.start)
    elif source.startswith("data:"):
        sentence = _("An image is embedded as data. Gmail and Outlook don't show it; upload it instead.")
        yield "look", sentence, lines.at(part.start)
    elif not source.startswith(("https://", "cid:")):
        sentence = _("An image has no full URL. Start it with https://.")
        yield "must", sentence, lines.at(part.start)


def _links(document: Marked, parts: Sequence[Part], lines: Lines) -> Iterator[Fault]:
    number = 0
    for index, part in enumerate(parts):
        href = _value(document, part, "href") if part.kind == "start" and part.name in ("a", "area") else None
        if href is None:
            continue
        number += 1
        sentence, level = _link(href.strip(), _words(document, parts, index))
        if sentence is not None:
            yield level, sentence, lines.at(part.start)
    if number:
        yield "fine", _n("%(num)d link found.", "%(num)d links found.", number), None


def _link(href: str, words: str) -> tuple[Any | None, str]:
    """What is wrong with a link (None: nothing), and its level."""
    if href in ("", "#"):
        return _("A link has no address. Add one or remove the link."), "look"
    if markup.MARK.match(href) or href.startswith("#"):
        return None, "fine"
    if not _SCHEME.match(href):
        sentence = _("The link “%(url)s” doesn't start with https://.", url=markup.MARK.sub("…", href)[:80])
        return sentence, "must"
    if not href.lower().startswith(("http://", "https://")):
        return None, "fine"
    host = _host(href)
    if words == "":
        return _("A link has no text. Describe where it goes, or give its image alt text."), "look"
    shown = _HOST_IN_TEXT.fullmatch(words)
    if shown and _site(shown[1]) != _site(host):
        facts = {"shown": shown[1], "real": host}
        return _("A link shows %(shown)s but goes to %(real)s, which looks like phishing.", **facts), "look"
    if host in _SHORTENERS:
        return _("A link uses the shortener %(host)s, which spam filters distrust.", host=host), "look"
    if _is_ip(host):
        return _("A link goes to an IP address (%(host)s). Use a domain name.", host=host), "look"
    if href.lower().startswith("http://"):
        return _("The link to %(host)s is not encrypted. Use https:// if it can.", host=host), "look"
    return None, "fine"


def _dropped(document: Marked, parts: Sequence[Part], lines: Lines) -> Iterator[Fault]:
    seen = set()
    for part in parts:
        if part.kind == "start" and part.name in _DROPPED and part.name not in seen:
            seen.add(part.name)
            sentence = _("Email clients remove <%(name)s>. Don't use it.", name=part.name)
            yield "look", sentence, lines.at(part.start)


def _without_effect(document: Marked, lines: Lines) -> Iterator[Fault]:
    for rule in itertools.islice(phone_rules.lost(document), MOST_RULES):
        sentence = _(
            "On phones, “%(name)s” of %(selector)s has no effect. Add !important, or the style on the element applies.",
            name=rule.name,
            selector=rule.selector,
        )
        yield "look", sentence, lines.at(rule.position)


def _words(document: Marked, parts: Sequence[Part], index: int) -> str:
    """The visible text of the link that begins at that part."""
    words = []
    for number in range(index + 1, len(parts)):
        part = parts[number]
        if part.name in ("a", "area"):  # its end, or the next link, which also ends it
            break
        if part.kind == "text":
            words.append(document.text[part.start : part.end])
        elif part.kind == "start" and part.name == "img":
            words.append(_value(document, part, "alt") or "")
    return unescape("".join(words)).strip()


def _value(document: Marked, part: Part, name: str) -> str | None:
    for attribute in part.attributes:
        if attribute.name == name:
            return unescape(document.text[attribute.start : attribute.end])
    return None


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _site(host: str) -> str:
    """The last two labels: enough to tell a misleading link from a subdomain."""
    return ".".join(host.lower().removeprefix("www.").split(".")[-2:])


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
