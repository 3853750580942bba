"""Builds plain data of documents for tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from campaigns.content.compiled.source import Recipient


def text(words: str, *marks: Any) -> dict[str, Any]:
    """Text with marks, each a name or a whole mark."""
    found = [{"type": each} if isinstance(each, str) else each for each in marks]
    return {"type": "text", "text": words, **({"marks": found} if found else {})}


def link(href: str, **attrs: Any) -> dict[str, Any]:
    """A mark that links."""
    return {"type": "link", "attrs": {"href": href, **attrs}}


def tag(name: str, fallback: str = "", filter: str | None = None) -> dict[str, Any]:
    """A merge tag."""
    return {"type": "mergeTag", "attrs": {"name": name, "fallback": fallback, "filter": filter}}


def node(type: str, *content: Any, **attrs: Any) -> dict[str, Any]:
    """A block; words stand for a text."""
    inside = [text(each) if isinstance(each, str) else each for each in content]
    return {"type": type, "attrs": attrs, "content": inside} if inside else {"type": type, "attrs": attrs}


def p(*content: Any, **attrs: Any) -> dict[str, Any]:
    """A paragraph."""
    return node("paragraph", *content, **attrs)


def written(*blocks: Any, **style: Any) -> str:
    """A document as JSON text."""
    return json.dumps({"version": 1, "style": style, "content": list(blocks)}, ensure_ascii=False)


def recipient(**values: Any) -> Recipient:
    """Somebody with those fields."""
    return Recipient(
        to_name="Ana",
        to_address="ana@example.org",
        values=values,
        message_id="<1.abc@example.org>",
        date=datetime(2026, 5, 14, 9, 0, tzinfo=UTC),
        track_token="track",
        unsubscribe_token="leave",
        view_token="view",
    )
