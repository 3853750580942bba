"""Markdown as the HTML of an email: its words in the layout and style of a document."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from markdown_it.token import Token

from campaigns.content.documents import rendering as documents
from campaigns.content.documents.style import Style
from campaigns.content.html import markup
from campaigns.content.markdown import parsing
from campaigns.content.markdown.parsing import TAG_LINE, Parsed

_MAY_TURN = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\ue000]")  # right-to-left text, merge tags
_TURNING = frozenset({"paragraph_open", "heading_open", "th_open", "td_open"})
_IMAGE = "border:0;height:auto;max-width:100%;vertical-align:top"
_TABLE = '<table class="x" cellpadding="0" cellspacing="0" border="0" width="100%">'
_LINE = "#9aa5ad"  # between rows: seen on light and on dark ground


def html_of(written: str, *, language: str, public_url: str, style: Style | None = None) -> str:
    """The HTML of a Markdown source, whose merge tags stay as they are.

    `language`: in which it is read. `public_url`: where images of ours are found. Raises Invalid(field="written").
    """
    parsed = parsing.parse(written)
    for_all = parsing.before_conditions(parsed)  # a title says nothing that is meant for some
    return documents.around(
        f'<div class="m">{fragment(parsed, parsed.tokens, public_url=public_url)}</div>',
        words=parsing.text_of(parsed.tokens),
        title=_title(for_all) or parsing.text_of(for_all),
        style=style or Style(),
        language=language,
        public_url=public_url,
    )


def block_of(written: str, *, public_url: str) -> str:
    """What is inside the layout: the source as one element. Raises Invalid(field="written")."""
    parsed = parsing.parse(written)
    return f'<div class="m">{fragment(parsed, parsed.tokens, public_url=public_url)}</div>'


def fragment(parsed: Parsed, tokens: Sequence[Token], *, public_url: str = "") -> str:
    """Some tokens of a source as HTML, with its merge tags."""
    return parsed.marked.restored(_Html(public_url).of(tokens))


def _title(shown: list[Token]) -> str:
    """The first heading; else the first words are taken."""
    at = next((number for number, token in enumerate(shown) if token.type == "heading_open"), None)
    return parsing.text_of(shown[at + 1 : at + 2]) if at is not None else ""


class _Html:
    """Writes tokens as HTML that mail clients show."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")

    def of(self, tokens: Sequence[Token]) -> str:
        """The HTML of blocks, or of the pieces of a line."""
        return "".join(self._one(token, tokens, at) for at, token in enumerate(tokens))

    def _one(self, token: Token, tokens: Sequence[Token], at: int) -> str:
        if token.type == "inline":
            return self.of(token.children or [])
        if token.hidden:  # the paragraph of an item in a tight list
            return ""
        if write := _WRITERS.get(token.type):
            return write(token)
        if token.type == "image":
            return self._image(token)
        if token.nesting < 0:
            return f"</{_name(token)}>" + ("\n" if token.block else "")
        turns = token.type in _TURNING and _MAY_TURN.search(tokens[at + 1].content)
        direction = ' dir="auto"' if turns else ""
        return f"<{_name(token)}{direction}{_attributes(token)}>"

    def _image(self, token: Token) -> str:
        source = str(token.attrs.get("src", ""))
        url = f"{self._public_url}{source}" if source.startswith("/media/") else source
        alt = "".join(child.content for child in token.children or [])
        title = f' title="{escape(str(token.attrs["title"]))}"' if "title" in token.attrs else ""
        return f'<img src="{escape(url)}" alt="{escape(alt)}"{title} style="{_IMAGE}">'


def _name(token: Token) -> str:
    return "h3" if token.tag in ("h4", "h5", "h6") else token.tag


def _attributes(token: Token) -> str:
    """The attributes of an element, with the style that cells need."""
    attrs: dict[str, Any] = dict(token.attrs)
    if token.type in ("th_open", "td_open"):
        side = str(attrs.get("style", "text-align:left")).partition(":")[2]
        cell = f"padding:8px 12px 8px 0;border-bottom:1px solid {_LINE};vertical-align:top;text-align:{side}"
        attrs = {"align": side, "style": cell}
    return "".join(f' {name}="{escape(str(value))}"' for name, value in attrs.items())


def _code(token: Token) -> str:
    return f'<pre dir="ltr"><code>{escape(token.content)}</code></pre>'


_WRITERS: dict[str, Callable[[Token], str]] = {
    "text": lambda token: escape(token.content),
    "text_special": lambda token: escape(token.content),
    "softbreak": lambda _token: "\n",
    "hardbreak": lambda _token: "<br>",
    "code_inline": lambda token: f'<code dir="ltr">{escape(token.content)}</code>',
    "code_block": _code,
    "fence": _code,
    "hr": lambda _token: f'<hr style="border:0;border-top:1px solid {_LINE};margin:24px 0">',
    "table_open": lambda _token: _TABLE,
    TAG_LINE: lambda token: "".join(found[0] for found in markup.MARK.finditer(token.content)),
}
