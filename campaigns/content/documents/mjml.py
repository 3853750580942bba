"""MJML written by hand as the HTML of an email, merge tags kept."""

from __future__ import annotations

import itertools
import re

import mrml
from jinja2 import TemplateSyntaxError

from campaigns.content.html import markup
from campaigns.content.html.markup import Marked
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import LARGEST_SOURCE
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

DEEPEST = 100  # elements inside elements; the parser recurses, and a few thousand end the process


def html_of(source: str) -> str:
    """The HTML of MJML, in which nothing is fetched or included; raises Invalid(field="html")."""
    if len(source) > LARGEST_SOURCE:
        raise _refused(_("The content is too large. Use at most 512 KB."))
    try:
        merge_text.parse(source, where="html")
        document = markup.protect(source, where="html")
    except TemplateSyntaxError as error:
        raise _refused(str(error.message)) from error
    if _is_too_deep(document):
        raise _refused(_("The MJML is nested more than %(most)d levels deep.", most=DEEPEST))
    word = _unused_word(document.text)
    plain = markup.MARK.sub(rf"{word}\1-", document.text)
    try:
        html = mrml.to_html(plain, mrml.ParserOptions(include_loader=mrml.noop_loader())).content
    except OSError as error:
        raise _refused(_("The MJML can't be read: %(detail)s", detail=str(error)[:200])) from error
    if len(html) > LARGEST_SOURCE:
        raise _refused(_("The content is too large. Use at most 512 KB."))
    return document.restored(re.sub(rf"{word}(\d+)-", "\ue000\\1\ue001", html))


def _unused_word(text: str) -> str:
    """A word for merge tags that the text doesn't have: the parser writes other characters as escapes in attributes."""
    return next(word for number in itertools.count() if (word := f"tag-{number}-") not in text)


def _is_too_deep(document: Marked) -> bool:
    """Whether more elements may be open at once than the parser bears; those that are never closed count as open."""
    depth = 0
    for part in document.parts:
        if part.kind == "raw":  # the parser of MJML may read it as elements
            depth += document.text.count("<", part.start, part.end)
        elif part.kind == "end":
            depth = max(0, depth - 1)
        elif part.kind == "start" and part.name not in markup.VOID:
            depth += 0 if document.text.endswith("/>", part.start, part.end) else 1
        if depth > DEEPEST:
            return True
    return False


def _refused(reason: object) -> Invalid:
    return Invalid(reason, field="html")
