"""Markdown with merge tags in it, parsed: CommonMark with tables and struck-out text, without HTML.

The parser never sees a merge tag, but a mark (`html.markup`), so that `_` and `*` in tags mean nothing to it. A line
that has nothing but `{% … %}` is a block of its own: an `if` may hold any number of paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from campaigns.content.html import markup
from campaigns.content.html.markup import Marked
from campaigns.content.language import merge_text
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

MOST_LINES = 10_000
MOST_SIGNS = 20_000  # characters that mean something to Markdown; each costs the parser some 25 µs
DEEPEST = 20  # blocks in blocks: quotes, lists and their items
WHERE = "written"
TAG_LINE = "tag_line"
_SIGNS = re.compile(r"[\[\]*_~`<!|]")
_BLOCK_TAGS = re.compile("(?:\ue000(\\d+)\ue001\\s*)+")
_ENCODED_MARK = re.compile("%EE%80%80(\\d+)%EE%80%81")
_URL = re.compile('https?://[^\\s<>"]+', re.I)
_AFTER_URL = ".,;:!?'*_)"
_ENDS_BEFORE = ["paragraph", "reference", "blockquote", "list"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """Tokens of the parser, and the merge tags that the marks in them stand for."""

    tokens: list[Token]
    marked: Marked


def parse(written: str) -> Parsed:
    """The tokens of a Markdown source; raises Invalid(field="written") with a sentence for one that is refused."""
    source = merge_text.readable(written)
    merge_text.parse(source, where=WHERE)
    _bounded(source)
    marked = markup.protect(source, where=WHERE)
    tokens = _PARSER.parse(marked.text, {"marked": marked})
    if any(token.level >= DEEPEST - 1 for token in tokens):
        raise Invalid(
            _("Quotes and lists are nested more than %(most)d levels deep.", most=DEEPEST // 2), field=WHERE
        )
    return Parsed(tokens, marked)


def text_of(tokens: list[Token]) -> str:
    """The words of some tokens, a space between blocks."""
    pieces = (
        child.content for token in tokens for child in (token.children or [token]) if child.type != TAG_LINE
    )
    return " ".join(" ".join(markup.MARK.sub("", piece) for piece in pieces).split())


def before_conditions(parsed: Parsed) -> list[Token]:
    """The tokens before the first `{% … %}`: what everyone reads."""
    kinds = [kind for kind, _tag, _line in parsed.marked.tags]
    for at, token in enumerate(parsed.tokens):
        if any(kinds[int(found[1])] == "block" for found in markup.MARK.finditer(token.content)):
            return parsed.tokens[:at]
    return parsed.tokens


def _bounded(source: str) -> None:
    """Raise for a source on which the parser would spend seconds."""
    if source.count("\n") >= MOST_LINES:
        raise Invalid(_("Use at most %(most)d lines.", most=MOST_LINES), field=WHERE)
    if sum(1 for _sign in _SIGNS.finditer(source)) > MOST_SIGNS:
        raise Invalid(
            _("Use at most %(most)d brackets, asterisks and other Markdown signs.", most=MOST_SIGNS),
            field=WHERE,
        )


class _Markdown(MarkdownIt):
    """A parser that leaves marks in URLs as they are."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return _ENCODED_MARK.sub("\ue000\\1\ue001", super().normalizeLink(url))

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return _ENCODED_MARK.sub("\ue000\\1\ue001", super().normalizeLinkText(link))


def _tag_line(state: StateBlock, start_line: int, _end_line: int, silent: bool) -> bool:
    """The rule for a line of `{% … %}` alone."""
    line = state.src[state.bMarks[start_line] + state.tShift[start_line] : state.eMarks[start_line]].strip()
    if not _BLOCK_TAGS.fullmatch(line):
        return False
    tags = state.env["marked"].tags
    if any(tags[int(found[1])][0] != "block" for found in markup.MARK.finditer(line)):
        return False
    if silent:
        return True
    token = state.push(TAG_LINE, "", 0)
    token.content, token.map = line, [start_line, start_line + 1]
    state.line = start_line + 1
    return True


def _link_urls(state: StateCore) -> None:
    """URLs that stand in the text become links."""
    for token in state.tokens:
        if token.type == "inline" and "://" in token.content:
            token.children = list(_with_links(token.children or [], state.md))


def _with_links(children: list[Token], parser: Any) -> Iterator[Token]:
    inside = 0
    for child in children:
        inside += child.nesting if child.type.startswith("link_") else 0
        if child.type == "text" and not inside:
            yield from _text_with_links(child, parser)
        else:
            yield child


def _text_with_links(token: Token, parser: Any) -> Iterator[Token]:
    text, end = token.content, 0
    for found in _URL.finditer(text):
        url = found[0].rstrip(_AFTER_URL)
        if len(url) <= len("https://"):
            continue
        yield _text(text[end : found.start()], token.level)
        yield Token("link_open", "a", 1, attrs={"href": parser.normalizeLink(url)}, level=token.level)
        yield _text(url, token.level + 1)
        yield Token("link_close", "a", -1, level=token.level)
        end = found.start() + len(url)
    yield _text(text[end:], token.level)


def _text(content: str, level: int) -> Token:
    return Token("text", "", 0, content=content, level=level)


def _parser() -> MarkdownIt:
    parser = _Markdown("commonmark", {"html": False, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.before("table", TAG_LINE, _tag_line, {"alt": _ENDS_BEFORE})
    parser.core.ruler.after("text_join", "link_urls", _link_urls)
    return parser


_PARSER = _parser()
