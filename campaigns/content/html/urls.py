"""Which URLs may be in a message."""

from __future__ import annotations

import re
from typing import Any

from campaigns.core.i18n import _

LONGEST_URL = 2000

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.I)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
WEB = re.compile(r"https?://([^/?#]*)", re.I)
DANGEROUS = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "view-source"})


def refusal(url: str) -> Any | None:
    """Why a URL may not be in a message, as a sentence; None if it may."""
    name = scheme(url)
    if name in DANGEROUS:
        return _("“%(scheme)s:” links aren't allowed in email.", scheme=name)
    if url.startswith("//"):
        return _("Start the link with https:// instead of //.")
    if name not in ("http", "https"):
        return None
    if CONTROL.search(url) or "\\" in url:
        return _("A link contains a line break, a control character or a backslash. Remove it.")
    web = WEB.match(url)
    if not web or not web[1] or web[1].startswith(":"):
        return _("A link has no host name. Write it as https://example.org/page.")
    if "@" in web[1]:
        return _("A link has an @ before its host name, which hides where it goes. Remove it.")
    if len(url) > LONGEST_URL:
        return _("A link is longer than 2000 characters.")
    return None


def scheme(url: str) -> str:
    """The scheme of a URL in lower case, as browsers read it (control characters and spaces ignored); or empty."""
    found = _SCHEME.match(CONTROL.sub("", url).replace(" ", ""))
    return found[1].lower() if found else ""
