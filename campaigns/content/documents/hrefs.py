"""Links of a document: which are refused, and their campaign parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote

from jinja2 import TemplateSyntaxError

from campaigns.content.html import markup, urls
from campaigns.content.html.markup import Marked
from campaigns.content.language import merge_text
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _

UTM = ("source", "medium", "campaign", "term", "content")
_SCHEMES = frozenset({"", "http", "https", "mailto", "tel", "sms"})
_NAME = re.compile(r"[^=]*")


@lru_cache(maxsize=512)
def refusal(url: str) -> Any | None:
    """Why a link may not be in a document, as a sentence; None if it may. Merge tags are checked too."""
    try:
        document = markup.protect(url, where="html")
        merge_text.parse(url, where="html")
    except ContentError as error:
        return error.reason
    except TemplateSyntaxError:
        return _("Close the merge tag inside the link.")
    if any(kind != "output" for kind, _tag, _line in document.tags):
        return _("Links can contain merge tags, but no if or for.")
    bare = markup.MARK.sub("x", document.text)
    without = markup.MARK.sub("", document.text)  # a tag may print nothing
    hidden = urls.refusal(without) if urls.scheme(without) in urls.DANGEROUS else None
    reason = urls.refusal(bare) or hidden
    if reason is None and urls.scheme(bare) not in _SCHEMES:
        reason = _("Use a link that starts with https://, mailto: or tel:.")
    return reason


def with_utm(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The URL with campaign parameters, before its fragment and in place of its own.

    Only links to the web get them. One that begins with a merge tag gets none: the tag may print a query.
    """
    added = {f"utm_{name}": value for name, value in parameters}
    document = markup.protect(url, where="html")
    if not added or not urls.WEB.match(document.text):
        return url
    address, hash_, fragment = document.text.partition("#")
    path, _question, query = address.partition("?")
    kept = [each for each in query.split("&") if each and _name_of(each) not in added]
    kept += [f"{name}={quote(value, safe='')}" for name, value in added.items()]
    return _with_tags(document, f"{path}?{'&'.join(kept)}{hash_}{fragment}")


def in_attribute(url: str) -> str:
    """The URL as the value of a quoted attribute, its merge tags as they are."""
    document = markup.protect(url, where="html")
    return _with_tags(document, escape(document.text).replace("{", "&#123;"))


def _with_tags(document: Marked, text: str) -> str:
    return markup.MARK.sub(lambda found: document.tags[int(found[1])][1], text)


def _name_of(parameter: str) -> str:
    found = _NAME.match(parameter)
    return found[0].lower() if found else ""
