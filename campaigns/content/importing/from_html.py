"""An email written in HTML as a document: one HTML block, with its style sheets."""

from __future__ import annotations

import json

from campaigns.content.documents.nodes import VERSION
from campaigns.content.html import markup
from campaigns.content.html.markup import Part
from campaigns.content.language import merge_text

# After these, white space shows nowhere.
_LINE_ENDS = frozenset(
    {
        *(
            ("end", name)
            for name in ("table", "tbody", "tr", "td", "p", "h1", "h2", "h3", "ul", "ol", "li", "style")
        ),
        *(("start", name) for name in ("head", "body", "table", "tbody", "tr", "ul", "ol", "meta")),
    }
)
_FRAME = frozenset({"html", "head", "body", "title", "meta", "base", "link"})


def document_of(html: str) -> str:
    """The document as JSON text; raises ContentError for HTML whose merge tags can't be read.

    Whether its block may stand there is checked when it is read.
    """
    merge_text.parse(html, where="html")
    block = {"type": "html", "attrs": {"source": body_of(html)}}
    return json.dumps({"version": VERSION, "content": [block]}, ensure_ascii=False)


def body_of(html: str) -> str:
    """What stands in the body of an HTML document, after its style sheets; all of it where there is no body."""
    document = markup.protect(html, where="html")
    text, parts = document.text, document.parts
    start = next((part.end for part in parts if part.kind == "start" and part.name == "body"), None)
    ends = [part.start for part in parts if part.kind == "end" and part.name == "body"]
    end = ends[-1] if ends else len(text)
    if start is None:
        return document.restored(
            "".join(text[part.start : part.end] for part in parts if not _is_frame(part))
        ).strip()
    sheets = [
        f"<style>{text[part.start : part.end]}</style>\n"
        for part in parts
        if part.kind == "raw" and part.name == "style" and part.end <= start
    ]
    return document.restored("".join(sheets) + text[start:end].strip())


def in_lines(html: str) -> str:
    """Rendered HTML with a line for each block and row, so that it can be read; it looks the same."""
    document = markup.protect(html, where="html")
    text = document.text
    lines = [
        text[part.start : part.end] + ("\n" if (part.kind, part.name) in _LINE_ENDS else "")
        for part in document.parts
    ]
    return document.restored("".join(lines))


def _is_frame(part: Part) -> bool:
    return part.name in _FRAME or part.kind == "other"
