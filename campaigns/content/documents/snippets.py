"""HTML written by hand inside a document: checked as the HTML of a whole email is."""

from __future__ import annotations

from collections import Counter
from typing import Any

from jinja2 import TemplateSyntaxError

from campaigns.content.documents.errors import DocumentError
from campaigns.content.html import markup, nesting
from campaigns.content.html.markup import Marked
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _

DEEPEST = 100  # elements; around them there are those of the layout
_END = "</columba-end>"
_STRUCTURE = frozenset({"table", "tbody", "tr", "td", "th", "div", "center"})


def checked(value: Any, path: str) -> str:
    """The HTML as written, which may have merge tags; raises DocumentError where it would break the rest."""
    if not isinstance(value, str):
        raise DocumentError(path, _("This must be text."))
    try:
        source = merge_text.readable(value)
        merge_text.parse(source, where="html")
        document = markup.protect(source, where="html")
        markup.hidden(document)
    except ContentError as error:
        raise DocumentError(path, error.message) from error
    except TemplateSyntaxError as error:
        raise DocumentError(path, str(error.message)) from error
    _sendable(value, path)
    reason = _open_end(document) or _unbalanced(document)
    if nesting.is_too_deep(document.text, document.parts, deepest=DEEPEST):
        reason = _(
            "The HTML is nested more than %(most)d levels deep. Check that each tag is closed.", most=DEEPEST
        )
    if reason is not None:
        raise DocumentError(path, reason)
    return value


def _open_end(document: Marked) -> Any | None:
    """Whether the HTML ends inside a comment, a tag or a style sheet: it would swallow what comes after."""
    if not document.parts:
        return None
    end = document.parts[-1]
    *_before, last = markup.scan(f"{document.text[end.start :]}{_END}")
    if end.kind != "raw" and (last.kind, last.name) == ("end", "columba-end"):
        return None
    return _("The HTML ends inside a tag, a comment or a style sheet. Close it.")


def _unbalanced(document: Marked) -> Any | None:
    """Whether a tag closes what was opened outside: the layout would fall apart."""
    opened = Counter[str]()
    for part in document.parts:
        if part.name in _STRUCTURE and part.kind in ("start", "end"):
            opened[part.name] += 1 if part.kind == "start" else -1
            if opened[part.name] < 0:
                return _("The HTML closes <%(name)s> more often than it opens it.", name=part.name)
    if opened["table"]:
        return _("The HTML opens <table> more often than it closes it.")
    return None


def _sendable(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DocumentError(
            path, _("This text contains a character that can't be sent. Remove it.")
        ) from error
