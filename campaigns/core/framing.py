"""Email HTML for a frame within a page."""

from __future__ import annotations

import re

_HEAD = re.compile(r"<head(?=[\s/>])", re.I)
_END = re.compile(r"</body\s*>", re.I)
_DOCTYPE = re.compile(r"\s*<!doctype", re.I)
_NEW_TAB = '<base target="_blank">'


def at_the_end(html: str, addition: str) -> str:
    """The HTML with something at the end of its body."""
    ends = [found.start() for found in _END.finditer(html)]
    end = ends[-1] if ends else len(html)
    return html[:end] + addition + html[end:]


def in_new_tab(html: str) -> str:
    """The HTML with its links opening in a new tab."""
    begun = _HEAD.search(html) or _DOCTYPE.match(html)
    end = html.find(">", begun.end()) + 1 if begun else 0
    return html[:end] + _NEW_TAB + html[end:]
