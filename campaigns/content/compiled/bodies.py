"""Builds a message's bodies from the author's source: checked, inlined, with footer, links and pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape

from campaigns.content.compiled import links, paths
from campaigns.content.compiled.links import SPECIAL, Links
from campaigns.content.compiled.source import Footer, Preview, Source
from campaigns.content.html import inliner, markup, plain
from campaigns.content.html.markup import Marked
from campaigns.content.language import merge_text, pieces
from campaigns.content.language.merge_text import ContentError, MergeText, Values
from campaigns.core.i18n import _

_PREHEADER = (
    '<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;font-size:1px;'
    'line-height:1px;color:transparent;mso-hide:all">{text}{filling}</div>'
)
_FILLING = "&#847;&zwnj;&nbsp;" * 40  # fills the preview in the inbox after the preheader
_FOOTER = (
    '<div class="mail-footer" dir="auto" style="margin:32px auto 0;padding:16px;max-width:600px;'
    'font:13px/1.5 Arial,Helvetica,sans-serif;color:#666666;text-align:center">{lines}</div>'
)
_PIXEL = '<img src="{url}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'


@dataclass(frozen=True)
class Bodies:
    """MergeText sources: as sent (`wire_…`, tracked) and for previews (`plain_…`)."""

    subject: MergeText
    wire_html: str
    wire_text: str
    plain_html: str
    plain_text: str
    links: Links
    language: str = "en"

    def preview(self, values: Values) -> Preview:
        """What a reader sees; the message's own links lead to `#` unless given."""
        shown = {**dict.fromkeys(SPECIAL, "#"), **values}
        return Preview(
            self.subject.render_line(shown), self.preview_html(values), self._plain_text.render_text(shown)
        )

    def preview_html(self, values: Values) -> str:
        """The HTML of `preview` alone."""
        return self._plain_html.run(self._html_program, {**dict.fromkeys(SPECIAL, "#"), **values})

    @cached_property
    def _html_program(self) -> pieces.Program:
        return pieces.program(self._plain_html, merge_text.html_value, str)

    @cached_property
    def _plain_html(self) -> MergeText:
        return merge_text.parse(self.plain_html, where="html", internal=True, language=self.language)

    @cached_property
    def _plain_text(self) -> MergeText:
        return merge_text.parse(self.plain_text, where="text", internal=True, language=self.language)


def build(source: Source, *, numbers: Mapping[str, int] | None = None, has_text: bool = True) -> Bodies:
    """Both bodies of a source; `numbers`: those that its links have already. Raises ContentError(reason, line, where).

    Without `has_text`, the text part stays empty.
    """
    subject = merge_text.parse(source.subject, where="subject", language=source.language)
    preheader = merge_text.parse(source.preheader, where="preheader")
    source = replace(source, html=merge_text.readable(source.html))
    original = merge_text.parse(source.html, where="html")
    written = merge_text.parse(source.text, where="text")
    if not source.html.strip() and not source.text.strip():
        raise ContentError(_("The email is empty. Add content first."), None, "html")
    html = _inlined(source)
    text = _text(source, original, written, html) if has_text else Marked("", "text")
    tracked = Links(original.loop_names | written.loop_names, dict(numbers or {}))
    wire_html, plain_html = _html_forms(source, html, tracked, _additions(html, source, original, preheader))
    wire_text, plain_text = _text_forms(source, text, tracked)
    return Bodies(subject, wire_html, wire_text, plain_html, plain_text, tracked, source.language)


def _inlined(source: Source) -> Marked:
    """The author's HTML as a complete document, with style sheets inlined."""
    document = markup.protect(source.html if source.html.strip() else _from_text(source.text), where="html")
    if source.html.strip():
        links.check_all(document)
    else:
        written = markup.protect(source.text, where="text")
        links.rewrite_text(written, links.untracked(written))
    inliner.whole(document, language=source.language)
    inliner.inline(document)
    return document


def _additions(
    document: Marked, source: Source, original: MergeText, preheader: MergeText
) -> list[tuple[int, str]]:
    """What comes before and after the author's content, each with its position."""
    additions = []
    if preheader.source.strip():
        additions.append((inliner.first(document), _preheader(document, preheader.source)))
    if source.footer and "unsubscribe_url" not in _fields(source, original):
        additions.append((inliner.last(document), _html_footer(document, source.footer)))
    return additions


def _with(text: str, additions: list[tuple[int, str]]) -> str:
    """The text with what is added to it."""
    for position, content in reversed(additions):
        text = text[:position] + content + text[position:]
    return text


def _fields(source: Source, original: MergeText) -> frozenset[str]:
    """The fields of the HTML part, even if it is generated from the text."""
    return original.fields if source.html.strip() else merge_text.parse(source.text, where="text").fields


def _text(source: Source, original: MergeText, written: MergeText, html: Marked) -> Marked:
    """The text part: as written, or generated from the HTML."""
    if source.text.strip():
        document = markup.protect(source.text, where="text")
        fields = written.fields
    else:
        document = Marked(plain.to_text(html), html.where, list(html.tags))
        fields = original.fields
    document.text = document.text.rstrip("\r\n") + "\n"
    if source.footer and "unsubscribe_url" not in fields:
        document.text += _text_footer(document, source.footer)
    return document


def _html_forms(
    source: Source, document: Marked, tracked: Links, additions: list[tuple[int, str]]
) -> tuple[str, str]:
    if any(
        part.has_open_quote for part in document.parts if part.kind == "start"
    ):  # what is added belongs to that link
        document.text = _with(document.text, additions)
        additions = []
    found = links.places(document)
    viewed = links.rewrite_html(document, links.untracked(document), links=found, additions=additions)
    sent = viewed
    if source.track_opens:
        track = document.mark("output", "{{ _track }}")
        pixel = _PIXEL.format(url=escape(paths.open_url(source.public_url, track)))
        additions = [*additions, (inliner.last(document), pixel)]
    if source.track_clicks or source.track_opens:
        replace = links.untracked(document)
        if source.track_clicks:
            replace = links.tracker(document, tracked, _click(source, document))
        sent = links.rewrite_html(document, replace, links=found, additions=additions)
    return _ended(document.restored(sent)), _ended(document.restored(viewed))


def _text_forms(source: Source, document: Marked, tracked: Links) -> tuple[str, str]:
    viewed = links.rewrite_text(document, links.untracked(document))
    sent = viewed
    if source.track_clicks:
        sent = links.rewrite_text(document, links.text_tracker(document, tracked, _click(source, document)))
    return _ended(document.restored(sent)), _ended(document.restored(viewed))


def _click(source: Source, document: Marked) -> Callable[[int], str]:
    track = document.mark("output", "{{ _track }}")
    return lambda number: paths.click_url(source.public_url, track, number)


def _preheader(document: Marked, preheader: str) -> str:
    text = _marked(document, preheader, "preheader")
    return _PREHEADER.format(text=escape(text), filling=_FILLING)


def _html_footer(document: Marked, footer: Footer) -> str:
    lines = [escape(line) for line in (footer.reason, *footer.postal_address.splitlines()) if line.strip()]
    anchors = [
        f'<a href="{document.mark("output", f"{{{{ {name} }}}}")}" style="color:#666666">{escape(words)}</a>'
        for name, words in _footer_links(footer)
    ]
    return _FOOTER.replace("{lines}", "<br>".join([*lines, " · ".join(anchors)]))


def _text_footer(document: Marked, footer: Footer) -> str:
    lines = [line for line in (footer.reason, *footer.postal_address.splitlines()) if line.strip()]
    lines += [
        f"{words}: {document.mark('output', f'{{{{ {name} }}}}')}" for name, words in _footer_links(footer)
    ]
    return "\n-- \n" + "\n".join(lines) + "\n"


def _footer_links(footer: Footer) -> list[tuple[str, str]]:
    pairs = [("unsubscribe_url", footer.unsubscribe), ("preferences_url", footer.preferences)]
    return [(name, words) for name, words in pairs if words]


def _from_text(text: str) -> str:
    """HTML for a message written only as text: paragraphs, line breaks and links."""
    document = markup.protect(text, where="text")
    escaped = escape(document.text, quote=False)
    linked = links.as_anchors(escaped)
    lines = document.restored(linked).replace("\r\n", "\n").rstrip("\n").replace("\n", "<br>\n")
    return f'<div style="font:16px/1.5 Arial,Helvetica,sans-serif">{lines}</div>'


def _marked(document: Marked, source: str, where: str) -> str:
    """A template's text with its tags as marks of another document."""
    other = markup.protect(source, where=where)
    return markup.MARK.sub(lambda found: document.mark(*other.tags[int(found[1])]), other.text)


def _ended(source: str) -> str:
    return source.rstrip("\r\n") + "\n"
