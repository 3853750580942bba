"""Whatever is written and whoever reads it: what goes out says what the preview says, and what was typed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import lxml.html
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.compiled.compiling import compile_content
from campaigns.content.documents import rendering, schema
from campaigns.content.documents.nodes import every
from campaigns.content.documents.style import COLOURS
from tests.content.documents.build import recipient
from tests.content.samples import GOOD

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30) | st.sampled_from(
    ["{{ x }}", "{% if %}", "<b>", "-->", "]]>", "&amp;", "@@0@@", "שלום", "你好", '"', "'", "</td></table>", "{#", "\\"]
)  # fmt: skip
FIELDS = st.sampled_from(["first_name", "city", "age"])
URLS = st.sampled_from(
    [
        "https://a.example/",
        "https://a.example/?x={{ city }}#y",
        "{{ city }}",
        "mailto:a@b.example",
        "",
        "#top",
    ]
)
COLOUR = st.sampled_from(["#000000", "#ffffff", "#155e75", "#cc0000"])
UTM = st.none() | st.fixed_dictionaries({"source": WORDS, "campaign": WORDS})


def sort(type: str, content: Any = None, **attrs: Any) -> st.SearchStrategy[dict[str, Any]]:
    parts: dict[str, Any] = {"type": st.just(type)}
    if attrs:
        parts["attrs"] = st.fixed_dictionaries(attrs)
    if content is not None:
        parts["content"] = content
    return st.fixed_dictionaries(parts)


LINK = sort("link", href=URLS, tracked=st.booleans(), utm=UTM)
MARKS = st.lists(
    sort("bold") | sort("italic") | sort("code") | sort("textColor", color=COLOUR) | LINK,
    max_size=3,
    unique_by=lambda mark: mark["type"],
)
TEXT = st.fixed_dictionaries({"type": st.just("text"), "text": WORDS})
TAG = sort("mergeTag", name=FIELDS, fallback=WORDS, filter=st.sampled_from([None, "upper", "trim"]))
MARKED = st.fixed_dictionaries({"type": st.just("text"), "text": WORDS, "marks": MARKS})
INLINE = st.lists(MARKED | TAG | sort("hardBreak"), max_size=4)
ALIGN = st.sampled_from(["left", "center", "right"])
PARAGRAPH = sort("paragraph", INLINE, align=ALIGN)
ITEM = sort("listItem", st.lists(PARAGRAPH, min_size=1, max_size=2))
BLOCK = (
    PARAGRAPH
    | sort("heading", INLINE, level=st.integers(1, 3), align=ALIGN)
    | sort("bulletList", st.lists(ITEM, max_size=3))
    | sort("orderedList", st.lists(ITEM, max_size=3), start=st.integers(0, 20))
    | sort("blockquote", st.lists(PARAGRAPH, max_size=2))
    | sort("button", st.lists(TEXT | TAG, max_size=2), href=URLS, full=st.booleans(), utm=UTM)
    | sort(
        "image", src=st.sampled_from(["", "https://a.example/x.png", "/media/x.png"]), alt=WORDS, href=URLS
    )
    | sort("codeBlock", st.lists(TEXT, max_size=2))
    | sort("divider")
    | sort("spacer", height=st.integers(8, 120))
)
PERSONAL = {
    "field": FIELDS,
    "operator": st.sampled_from(["is", "is_not", "is_set", "contains"]),
    "value": WORDS,
}
INSIDE = BLOCK | sort("personal", st.lists(BLOCK, max_size=2), **PERSONAL)
CARD = sort("card", st.lists(INSIDE, max_size=2), background=st.none() | COLOUR)
COLUMN = sort("column", st.lists(INSIDE | CARD, max_size=2))
COLUMNS = sort(
    "columns", st.lists(COLUMN, min_size=2, max_size=2), ratio=st.just("2:1"), stacks=st.booleans()
)
TOP = INSIDE | CARD | COLUMNS | sort("personal", st.lists(INSIDE | COLUMNS, max_size=2), **PERSONAL)
DOCUMENT = st.fixed_dictionaries(
    {
        "content": st.lists(TOP, min_size=1, max_size=5),
        "style": st.fixed_dictionaries(
            {
                "colors": st.dictionaries(st.sampled_from(list(COLOURS)), COLOUR),
                "header": st.fixed_dictionaries({"text": WORDS}),
                "footer": st.fixed_dictionaries({"text": WORDS}),
            }
        ),
    }
)
_TARGET = re.compile(r"\(?(https?:|#)[^\s)]*\)?")  # tracked in what goes out
PERSON = st.dictionaries(FIELDS, WORDS | st.integers(0, 99))


@settings(max_examples=25, deadline=None)
@given(DOCUMENT, PERSON)
def test_what_goes_out_says_what_the_preview_says(made: dict[str, Any], person: dict[str, Any]) -> None:
    html = rendering.html_of(json.dumps(made), language="en", public_url="https://news.example")
    compiled = compile_content(replace(GOOD, html=html + " ", text="", preheader=""))
    sent = message_from_bytes(compiled.compose(recipient(**person)), policy=policy.default)
    plain, rich = (sent.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    preview = compiled.preview(person)
    assert words_of(rich) == words_of(preview.html)
    assert squeezed(_TARGET.sub("", plain)) == squeezed(_TARGET.sub("", preview.text))
    for typed in always_typed(made):
        assert squeezed(typed) in words_of(rich)


def always_typed(made: dict[str, Any]) -> list[str]:
    """The texts that everybody sees."""
    content = [each for each in made["content"] if each["type"] != "personal"]
    nodes = schema.blocks(content, "content")
    return [
        each.text for each in every(nodes) if each.text.isprintable() and not inside_personal(nodes, each)
    ]


def inside_personal(nodes: list[Any], wanted: Any) -> bool:
    return any(
        each is wanted for node in every(nodes) if node.type == "personal" for each in every(node.content)
    )


def words_of(html: str) -> str:
    return squeezed(lxml.html.document_fromstring(html).find("body").text_content())


def squeezed(words: str) -> str:
    return " ".join(words.split())
