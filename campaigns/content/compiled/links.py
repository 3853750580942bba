"""Links of a message: which are tracked, which are refused, and where a click leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape, unescape
from typing import Any

from campaigns.content.html import markup, urls
from campaigns.content.html.markup import Attribute, Marked, Part
from campaigns.content.html.urls import DANGEROUS, WEB, refusal
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError, MergeText
from campaigns.core.i18n import _

SPECIAL = frozenset({"unsubscribe_url", "preferences_url", "web_view_url", "share_url"})
NO_TRACK = "data-no-track"  # an attribute of links that are not tracked; it doesn't go out
_IN_TEXT = re.compile(r"https?://[^\s<>\"\u3000-\u3002\uff09\uff0c]{1,3000}", re.I)
_BRACKET = re.compile("[()]")
_AFTER_SENTENCE = ".,;:!?'\"»”’…"


@dataclass(frozen=True, slots=True)
class Link:
    """A tracked link: `number` from 1, `url` as stored (a template where the author put fields in it)."""

    number: int
    url: str

    @property
    def is_template(self) -> bool:
        return "{{" in self.url or "{%" in self.url


@dataclass
class Links:
    """The links of one message; the same URL has one number in HTML and text."""

    loop_names: frozenset[str] = frozenset()
    numbers: dict[str, int] = field(default_factory=dict)
    untracked: set[str] = field(default_factory=set)  # those that the HTML leaves alone, somewhere

    def number(self, url: str) -> int:
        """The number of a URL, a new one if it is new."""
        return self.numbers.setdefault(url, len(self.numbers) + 1)

    def is_left_alone(self, url: str) -> bool:
        """Whether the HTML has this URL only in links with `data-no-track`: then the text part leaves it too."""
        return url in self.untracked and url not in self.numbers

    @property
    def found(self) -> tuple[Link, ...]:
        return tuple(Link(number, url) for url, number in self.numbers.items())


# (URL with marks, whether it may be tracked) -> replacement, or None to keep it
Replace = Callable[[str, bool], str | None]


def destination(url: str, values: Mapping[str, Any]) -> str | None:
    """Where a stored link leads for a recipient, with fields filled in and escaped; None if not a web URL."""
    if "{" not in url:
        return url
    try:
        rendered = _stored(url).render_text(values).strip()
    except ContentError:
        return None
    return rendered if WEB.match(rendered) and refusal(rendered) is None else None


@lru_cache(maxsize=512)
def _stored(url: str) -> MergeText:
    document = markup.protect(url, where="html")
    source = document.restored(escape_fields(document, document.text))
    return merge_text.parse(source, where="html", internal=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A link in a document; `offset`: where its text, an Outlook comment, begins, and `changes` whether it may."""

    part: Part
    href: Attribute
    switch: Attribute | None  # what says that it is not tracked
    text: str
    offset: int = 0
    changes: bool = True


def places(document: Marked) -> list[Place]:
    """The links of a document in their order, in Outlook comments too."""
    text = document.text
    found: list[Place] = []
    for part in document.parts:
        if part.kind == "start":
            found += _place(text, part)
        elif part.kind == "comment" and text.startswith("<!--[if", part.start):
            inner = text[part.start + 4 : part.end - 3]
            changes = text.endswith("-->", part.start, part.end)
            for each in markup.scan(inner):
                found += _place(inner, each, part.start + 4, changes=changes) if each.kind == "start" else ()
    return found


def rewrite_html(
    document: Marked,
    replace: Replace,
    *,
    links: Iterable[Place] | None = None,
    additions: Iterable[tuple[int, str]] = (),
) -> str:
    """The document's text with hrefs replaced and nothing else changed, in Outlook comments too.

    `links`: its `places`, if they are known; `additions`: HTML to be inserted, each with its position.
    """
    changes = [(position, position, content) for position, content in additions]
    for place in places(document) if links is None else links:
        changes += _changes(place, replace)
    text, end = document.text, 0
    pieces: list[str] = []
    for start, stop, value in sorted(changes, key=lambda change: change[:2]):
        pieces += (text[end:start], value)
        end = stop
    return "".join([*pieces, text[end:]])


def rewrite_text(document: Marked, replace: Replace) -> str:
    """A plain text with its web addresses replaced; blocks and the punctuation after them are kept."""

    lines = markup.Lines(document)

    def visit(found: re.Match[str]) -> str:
        url = _trimmed(_in_brackets(_before_block(document, found[0]), found))
        check(document, url, line=lines.at(found.start()))
        return (replace(url, True) or url) + found[0][len(url) :]

    return _IN_TEXT.sub(visit, document.text)


def as_anchors(escaped_text: str) -> str:
    """HTML-escaped text with its web addresses as links."""

    def visit(found: re.Match[str]) -> str:
        url = _trimmed(_in_brackets(found[0], found))
        return f'<a href="{url}">{url}</a>' + found[0][len(url) :]

    return _IN_TEXT.sub(visit, escaped_text)


def tracker(document: Marked, links: Links, address: Callable[[int], str]) -> Replace:
    """Replaces web links by tracked ones, numbered in `links`; raises for links that are refused."""

    def replace(url: str, may_track: bool) -> str | None:
        check(document, url)
        if not may_track:
            links.untracked.add(document.restored(url))
        if not may_track or not _is_tracked(document, links, url):
            return escape_fields(document, url)
        return address(links.number(_stored_form(document, url)))

    return replace


def text_tracker(document: Marked, links: Links, address: Callable[[int], str]) -> Replace:
    """As `tracker`, for a text part: leaves alone what the HTML, which comes first, leaves alone."""
    replace = tracker(document, links, address)
    return lambda url, _may_track: replace(url, not links.is_left_alone(document.restored(url)))


def untracked(document: Marked) -> Replace:
    """Keeps links, with their fields escaped; raises for links that are refused."""

    def replace(url: str, _may_track: bool) -> str | None:
        check(document, url)
        return escape_fields(document, url)

    return replace


def check_all(document: Marked) -> None:
    """Raise ContentError, with its line, for the first refused link in an author's HTML."""
    lines = markup.Lines(document)
    for part in document.parts:
        if (url := _href(document.text, part)) and not url.startswith("#"):
            check(document, url, line=lines.at(part.start))


def check(document: Marked, url: str, *, line: int | None = None) -> None:
    """Raise ContentError for a refused link."""
    if url in document.checked:
        return
    pieces = markup.MARK.split(url)[0::2]
    reason = refusal(markup.MARK.sub("x", url) if pieces[0] else "")
    leading = next((piece for piece in pieces if piece.strip()), "")
    for piece in pieces if not pieces[0] else ():
        reason = reason or (refusal(piece) if piece is leading or _is_dangerous(piece) else None)
    if reason is not None:
        raise ContentError(reason, line or _line(document, url), document.where)
    document.checked.add(url)


def escape_fields(document: Marked, url: str) -> str:
    """The URL with each field percent-encoded; a field at its start must be a complete web URL."""

    def visit(found: re.Match[str]) -> str:
        kind, tag, line = document.tags[int(found[1])]
        if kind != "output" or _fields(tag) & SPECIAL or "|_" in tag:
            return found[0]
        name = "_url" if _constant_before(url, found.start()) else "_web"
        return document.mark("output", f"{{{{ ({_expression(tag)})|{name} }}}}", line)

    return markup.MARK.sub(visit, url)


def _place(text: str, part: Part, offset: int = 0, *, changes: bool = True) -> tuple[Place, ...]:
    """A start tag as a link, if it is one."""
    if not (part.name in ("a", "area") or part.name.startswith("v:")):
        return ()
    href = part.attribute("href")
    return (Place(part, href, part.attribute(NO_TRACK), text, offset, changes),) if href else ()


def _changes(place: Place, replace: Replace) -> list[tuple[int, int, str]]:
    """What is replaced in the document for a link: from where to where, and by what."""
    text, href, switch = place.text, place.href, place.switch
    changes = [(*_span(text, place.part, switch), "")] if switch else []
    url = unescape(text[href.start : href.end]).strip()
    if url and not url.startswith("#"):
        url_now = replace(url, switch is None)
        if url_now is not None and url_now != url:
            bare = text[href.start - 1 : href.start] not in "\"'"
            changes.append((href.start, href.end, f'"{escape(url_now)}"' if bare else escape(url_now)))
    if not place.changes:
        return []
    return [(start + place.offset, end + place.offset, value) for start, end, value in changes]


def _span(text: str, part: Part, attribute: Attribute) -> tuple[int, int]:
    """Where an attribute of a tag begins, with the white space before it, and ends, with its quotes."""
    before = max((each.end for each in part.attributes if each.end < attribute.start), default=part.start)
    name = text.lower().rfind(NO_TRACK, before, attribute.start)
    start = before + len(text[before:name].rstrip()) if name >= 0 else attribute.start
    is_quoted = attribute.start > 0 and text[attribute.start - 1] in "\"'"
    return start, attribute.end + (1 if is_quoted else 0)


def _href(text: str, part: Part) -> str:
    """The target of a link; empty for anything else."""
    if part.kind != "start" or not (part.name in ("a", "area") or part.name.startswith("v:")):
        return ""
    href = part.attribute("href")
    return unescape(text[href.start : href.end]).strip() if href else ""


def _is_tracked(document: Marked, links: Links, url: str) -> bool:
    if not WEB.match(url) and not markup.MARK.match(url):
        return False
    names = {name for number in markup.MARK.findall(url) for name in _fields(document.tags[int(number)][1])}
    return not names & (SPECIAL | links.loop_names)


def _stored_form(document: Marked, url: str) -> str:
    stored = document.restored(url)
    if "{" not in stored:
        return stored
    try:
        merge_text.parse(stored, where=document.where)
    except ContentError as error:
        reason = _("Close the merge tag inside the link.")
        raise ContentError(reason, _line(document, url), document.where) from error
    return stored


@lru_cache(maxsize=2048)
def _fields(tag: str) -> frozenset[str]:
    """The names in one tag alone, including loop names."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'|\"[^\"]*\"", "", tag)))


def _expression(tag: str) -> str:
    return re.sub(r"^\{\{[-+]?|[-+]?\}\}$", "", tag)


def _constant_before(url: str, position: int) -> bool:
    return bool(markup.MARK.sub("", url[:position]).strip())


def _is_dangerous(piece: str) -> bool:
    return urls.scheme(piece) in DANGEROUS


def _line(document: Marked, url: str) -> int | None:
    position = document.text.find(url)
    if position < 0:
        return None
    before = markup.MARK.sub("", document.text[:position])
    return before.count("\n") + 1


def _before_block(document: Marked, text: str) -> str:
    for found in markup.MARK.finditer(text):
        if document.tags[int(found[1])][0] == "block":
            return text[: found.start()]
    return text


def _in_brackets(url: str, found: re.Match[str]) -> str:
    """The URL up to the bracket that closes the one right before it: text may follow that without a space."""
    if ")" not in url or not found.string.endswith("(", 0, found.start()):
        return url
    depth = 1
    for bracket in _BRACKET.finditer(url):
        depth += 1 if bracket[0] == "(" else -1
        if not depth:
            return url[: bracket.start()]
    return url


def _trimmed(url: str) -> str:
    url = url.rstrip(_AFTER_SENTENCE)
    while url.endswith(")") and url.count(")") > url.count("("):
        url = url[:-1].rstrip(_AFTER_SENTENCE)
    return url
