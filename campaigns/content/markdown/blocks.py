"""Markdown as a block document. What blocks can't say becomes blocks of HTML, so that nothing is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it.token import Token

from campaigns.content.documents import tags
from campaigns.content.documents.nodes import VERSION
from campaigns.content.html import markup
from campaigns.content.markdown import parsing, rendering
from campaigns.content.markdown.parsing import TAG_LINE, Parsed

Node = dict[str, Any]
_OUTPUT = re.compile(
    r"""\{\{-?\s*([A-Za-z]\w*)\s*(?:\|\s*default\(\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\)\s*)?(?:\|\s*(\w+)\s*)?-?\}\}"""
)
_OPENS, _CLOSES = re.compile(r"\{%-?\s*(?:if|for)\b"), re.compile(r"\{%-?\s*end(?:if|for)\b")
_MARKS = {"strong_open": "bold", "em_open": "italic", "s_open": "strike"}
_DEEPEST_LIST = 4


class _Unsaid(Exception):
    """Blocks can't say this."""


def document_of(written: str, *, public_url: str) -> str:
    """The document as JSON text; raises Invalid(field="written") for Markdown that is refused.

    `public_url`: where images of ours are found, for those inside HTML.
    """
    parsed = parsing.parse(written)
    content = [node for group in _groups(parsed) for node in _nodes(parsed, group, public_url)]
    return json.dumps({"version": VERSION, "content": content}, ensure_ascii=False)


def _groups(parsed: Parsed) -> Iterator[list[Token]]:
    """The blocks at the top, each with its tokens; what an `if` or a loop goes around is one of them."""
    group: list[Token] = []
    level = inside = 0
    for token in parsed.tokens:
        group.append(token)
        level += token.nesting
        if token.type == TAG_LINE:
            inside += _depth(parsed, token.content)
        if level == 0 and inside <= 0:
            yield group
            group = []
    if group:
        yield group


def _depth(parsed: Parsed, content: str) -> int:
    """How many tags open more than close."""
    found = [parsed.marked.tags[int(mark[1])][1] for mark in markup.MARK.finditer(content)]
    return sum(bool(_OPENS.match(tag)) - bool(_CLOSES.match(tag)) for tag in found)


def _nodes(parsed: Parsed, group: list[Token], public_url: str) -> list[Node]:
    try:
        return _Blocks(parsed).of(group)
    except _Unsaid:
        source = rendering.fragment(parsed, group, public_url=public_url).strip()
        return [{"type": "html", "attrs": {"source": f'<div class="m">{source}</div>'}}]


class _Blocks:
    """Makes nodes of tokens; raises _Unsaid."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed

    def of(self, tokens: Sequence[Token], *, lists: int = 0) -> list[Node]:
        """The blocks of some tokens."""
        nodes, at = [], 0
        while at < len(tokens):
            end = _end_of(tokens, at)
            nodes += self._block(tokens[at], tokens[at + 1 : end], lists)
            at = end + 1
        return nodes

    def _block(self, token: Token, inside: Sequence[Token], lists: int) -> list[Node]:
        if token.type == "heading_open":
            level = min(int(token.tag[1]), 3)
            return [{"type": "heading", "attrs": {"level": level}, "content": self._inline(inside[0])}]
        if token.type == "paragraph_open":
            return self._paragraph(inside[0])
        if token.type in ("bullet_list_open", "ordered_list_open") and lists < _DEEPEST_LIST:
            return [self._list(token, inside, lists + 1)]
        if token.type == "blockquote_open":
            return [self._quote(inside)]
        if token.type == "hr":
            return [{"type": "divider"}]
        if token.type in ("fence", "code_block") and not markup.MARK.search(token.content):
            return [{"type": "codeBlock", "content": _text(token.content.rstrip("\n"), [])}]
        raise _Unsaid

    def _paragraph(self, token: Token) -> list[Node]:
        children = [child for child in token.children or [] if child.type != "text" or child.content.strip()]
        if len(children) == 1 and children[0].type == "image":
            return [self._image(children[0], "")]
        types = [child.type for child in children]
        if types == ["link_open", "image", "link_close"]:
            return [self._image(children[1], self._url(children[0], "href"))]
        content = self._inline(token)
        return [{"type": "paragraph", "content": content}] if content else []

    def _image(self, token: Token, href: str) -> Node:
        attrs: dict[str, Any] = {"src": self._url(token, "src"), "alt": self._plain(token.content)}
        return {"type": "image", "attrs": attrs | ({"href": href} if href else {})}

    def _list(self, token: Token, inside: Sequence[Token], lists: int) -> Node:
        is_ordered = token.type == "ordered_list_open"
        items, at = [], 0
        while at < len(inside):
            end = _end_of(inside, at)
            items.append({"type": "listItem", "content": self._item(inside[at + 1 : end], lists)})
            at = end + 1
        node: Node = {"type": "orderedList" if is_ordered else "bulletList", "content": items}
        if is_ordered:
            node["attrs"] = {"start": int(token.attrs.get("start", 1))}
        return node

    def _item(self, tokens: Sequence[Token], lists: int) -> list[Node]:
        content = self.of(tokens, lists=lists) or [{"type": "paragraph"}]
        if content[0]["type"] != "paragraph" or any(
            node["type"] not in ("paragraph", "bulletList", "orderedList") for node in content
        ):
            raise _Unsaid
        return content

    def _quote(self, inside: Sequence[Token]) -> Node:
        content = self.of(inside)
        if not content or any(node["type"] != "paragraph" for node in content):
            raise _Unsaid
        return {"type": "blockquote", "content": content}

    def _inline(self, token: Token) -> list[Node]:
        nodes: list[Node] = []
        marks: list[Node] = []
        for child in token.children or []:
            if child.type in _MARKS:
                marks.append({"type": _MARKS[child.type]})
            elif child.type == "link_open":
                marks.append({"type": "link", "attrs": {"href": self._url(child, "href")}})
            elif child.nesting < 0:
                marks.pop()
            elif child.type == "hardbreak":
                nodes.append({"type": "hardBreak"})
            elif child.type == "code_inline":
                nodes += self._pieces(child.content, [*marks, {"type": "code"}])
            elif child.type == "softbreak":
                nodes += _text(" ", marks)
            elif child.type in ("text", "text_special"):
                nodes += self._pieces(child.content, marks)
            else:
                raise _Unsaid
        return nodes

    def _pieces(self, text: str, marks: list[Node]) -> list[Node]:
        """Text and merge tags."""
        nodes, end = [], 0
        for found in markup.MARK.finditer(text):
            nodes += [*_text(text[end : found.start()], marks), self._tag(found[1], marks)]
            end = found.end()
        return [*nodes, *_text(text[end:], marks)]

    def _tag(self, number: str, marks: list[Node]) -> Node:
        found = _OUTPUT.fullmatch(self._parsed.marked.tags[int(number)][1])
        if not found:
            raise _Unsaid
        name, fallback, filter = found[1], found[2] or found[3] or "", found[4]
        if tags.name_refusal(name) is not None or (filter and tags.filter_refusal(filter) is not None):
            raise _Unsaid
        attrs = {"name": name, "fallback": fallback, "filter": filter}
        return {"type": "mergeTag", "attrs": attrs} | ({"marks": list(marks)} if marks else {})

    def _url(self, token: Token, name: str) -> str:
        """A URL with its merge tags as text."""
        tags_of = self._parsed.marked.tags
        return markup.MARK.sub(lambda found: tags_of[int(found[1])][1], str(token.attrs.get(name, "")))

    def _plain(self, text: str) -> str:
        """Text that may have no merge tags."""
        if markup.MARK.search(text):
            raise _Unsaid
        return text


def _end_of(tokens: Sequence[Token], at: int) -> int:
    """The position of the token that closes the one at that position; its own where it has no inside."""
    level: int = tokens[at].nesting
    while level > 0:
        at += 1
        level += tokens[at].nesting
    return at


def _text(text: str, marks: list[Node]) -> list[Node]:
    if not text:
        return []
    return [{"type": "text", "text": text} | ({"marks": list(marks)} if marks else {})]
