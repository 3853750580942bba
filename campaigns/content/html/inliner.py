"""Inlines style sheets into style attributes, because mail clients need it, in a complete HTML document."""

from __future__ import annotations

import re
from collections.abc import Iterable

import css_inline

from campaigns.content.html import markup, nesting
from campaigns.content.html.markup import Marked, Part
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _

_INLINER = css_inline.CSSInliner(
    inline_style_tags=True,
    keep_style_tags=True,
    keep_at_rules=True,
    keep_link_tags=True,
    load_remote_stylesheets=False,
)
_DOCTYPE = "<!doctype"
_SKELETON = (
    '<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n</head>\n'
    "<body>\n{content}\n</body>\n</html>\n"
)


def whole(document: Marked, *, language: str) -> None:
    """Wrap a fragment into a complete document; a document with a body is unchanged."""
    if not any(part.kind == "start" and part.name == "body" for part in document.parts):
        if re.search(r"<html[\s>]", document.text, re.I):
            return
        document.text = _SKELETON.replace("{language}", language).replace("{content}", document.text)


def inline(document: Marked) -> None:
    """Copy style sheet rules into style attributes; the sheets are kept for `@media` and `:hover`.

    The document is unchanged if that would move a template tag (wrongly nested HTML), or if it contains SVG.
    Raises ContentError for an invalid style sheet, and for HTML nested too deeply.
    """
    text = markup.hidden(document)  # also refuses tags in places where they would be lost
    if not any(part.kind == "raw" and part.name == "style" for part in document.parts):
        return
    if nesting.has_foreign_elements(document.parts):
        return
    if nesting.is_too_deep(document.text, document.parts):
        reason = _("The HTML is nested more than 300 levels deep. Check that each tag is closed.")
        raise ContentError(reason, None, document.where)
    try:
        inlined = _with_doctype(markup.shown(_INLINER.inline(text)), _doctype(document.text, document.parts))
    except (css_inline.InlineError, ValueError) as error:
        reason = _("The style sheet can't be read: %(detail)s", detail=str(error)[:200])
        raise ContentError(reason, None, document.where) from error
    if _order(document, inlined) == _order(document, document.text):
        document.text = inlined


def first(document: Marked) -> int:
    """The position right after the start of the body."""
    return next((part.end for part in document.parts if part.kind == "start" and part.name == "body"), 0)


def last(document: Marked) -> int:
    """The position right before the end of the body."""
    ends = [part for part in document.parts if part.kind == "end" and part.name in ("body", "html")]
    bodies = [part for part in ends if part.name == "body"] or ends
    return bodies[-1].start if bodies else len(document.text)


def _doctype(text: str, parts: Iterable[Part]) -> str:
    """The author's doctype; empty without one."""
    for part in parts:
        source = text[part.start : part.end]
        if part.kind == "other" and source[: len(_DOCTYPE)].lower() == _DOCTYPE:
            return source
        if part.kind in ("start", "end"):
            break
    return ""


def _with_doctype(inlined: str, doctype: str) -> str:
    """The document with its author's doctype: the inliner's own leaves gaps in sliced images."""
    begun = _doctype(inlined, markup.scan(inlined))
    return inlined.replace(begun, f"{doctype}\n", 1) if begun and doctype else inlined


def _order(document: Marked, text: str) -> tuple[list[str], set[str]]:
    """The blocks in order, and the set of fields: a field in a style sheet may occur twice afterwards."""
    numbers = markup.MARK.findall(text)
    blocks = [number for number in numbers if document.tags[int(number)][0] == "block"]
    return blocks, set(numbers)
