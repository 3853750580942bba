"""The text part that is generated from HTML, to be written on by hand."""

from __future__ import annotations

from campaigns.content.html import inliner, markup, plain
from campaigns.content.html.markup import Marked
from campaigns.content.language import merge_text


def generated(html: str, *, language: str) -> str:
    """The text of the HTML, with its merge tags; raises ContentError for HTML that can't be sent.

    `language`: in which it is read.
    """
    if not html.strip():
        return ""
    source = merge_text.readable(html)
    merge_text.parse(source, where="html")
    document = markup.protect(source, where="html")
    inliner.whole(document, language=language)
    inliner.inline(document)
    text = Marked(plain.to_text(document), "html", list(document.tags))
    return text.restored(text.text).strip() + "\n"
