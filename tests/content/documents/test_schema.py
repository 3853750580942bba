"""What a document may contain, and that everything else is refused with its path, quickly."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from campaigns.content.documents import schema
from campaigns.content.documents.errors import DocumentError
from tests.content.documents.build import link, node, p, tag, text, written


def refused(source: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        schema.read(source)
    assert caught.value.field == "written"
    assert len(str(caught.value)) < 600
    return caught.value


def test_a_document_is_read_with_defaults_for_what_it_does_not_say() -> None:
    document = schema.read('{"content": [{"type": "heading", "content": [{"type": "text", "text": "Hi"}]}]}')
    (heading,) = document.content
    assert heading.attrs == {"level": 1, "align": "left"}
    assert heading.content[0].text == "Hi"
    assert (document.style.width, document.style.colours["content"]) == (600, "#ffffff")


def test_null_is_the_default_too() -> None:
    (image,) = schema.read(written(node("image", src=None, href=None, utm=None, width=None))).content
    assert (image.attrs["src"], image.attrs["href"], image.attrs["utm"]) == ("", "", ())


def coloured(color: str) -> dict[str, Any]:
    return {"type": "textColor", "attrs": {"color": color}}


def columns(ratio: str, *contents: Any) -> dict[str, Any]:
    return node("columns", *(node("column", *each) for each in contents), ratio=ratio)


@pytest.mark.parametrize(
    ("block", "path"),
    [
        (node("video"), "content[0]"),
        ({"content": []}, "content[0]"),
        ({"type": ["heading"]}, "content[0]"),
        ("paragraph", "content[0]"),
        (None, "content[0]"),
        (node("heading", level=4), "content[0].attrs.level"),
        (node("heading", level=True), "content[0].attrs.level"),
        (node("heading", level="1"), "content[0].attrs.level"),
        (node("heading", onclick="x"), "content[0].attrs"),
        ({"type": "paragraph", "style": "x"}, "content[0]"),
        ({"type": "paragraph", "text": "x"}, "content[0]"),
        ({"type": "paragraph", "attrs": []}, "content[0].attrs"),
        ({"type": "paragraph", "content": {}}, "content[0].content"),
        (p(p("x")), "content[0].content[0]"),
        (p(node("image")), "content[0].content[0]"),
        (p(text("x", "blink")), "content[0].content[0].marks[0]"),
        (p(text("x", "bold", "bold")), "content[0].content[0].marks"),
        (p(text("x", link("javascript:alert(1)"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link(" JaVa\tScRiPt:alert(1)"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("java{{ x }}script:alert(1)"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("data:text/html,x"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("ftp://example.com/"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("https://a@b.example/"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("https://a.example/{% if x %}{% endif %}"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("https://a.example/{{ x.y }}"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("https://a.example/{{ x"))), "content[0].content[0].marks[0].attrs.href"),
        (p(text("x", link("https://a.example/", utm={"medium": 3}))), "content[0].content[0].marks[0].attrs.utm.medium"),
        (p(text("x", link("https://a.example/", utm={"id": "x"}))), "content[0].content[0].marks[0].attrs.utm"),
        (node("button", text("x", "bold")), "content[0].content[0].marks"),
        (node("button", "x", href="vbscript:x"), "content[0].attrs.href"),
        (node("image", src="data:image/png;base64,x"), "content[0].attrs.src"),
        (node("image", src="/media/../secret"), "content[0].attrs.src"),
        (node("image", src="/etc/passwd"), "content[0].attrs.src"),
        (node("image", src="//evil.example/x.png"), "content[0].attrs.src"),
        (node("image", width=0), "content[0].attrs.width"),
        (node("image", width=1e9), "content[0].attrs.width"),
        (node("spacer", height=4), "content[0].attrs.height"),
        (node("card", background="red;}*{display:none"), "content[0].attrs.background"),
        (node("card", background="#12345g"), "content[0].attrs.background"),
        (node("card", background="#123456\n"), "content[0].attrs.background"),
        (p(text("x", coloured("expression(1)"))), "content[0].content[0].marks[0].attrs.color"),
        (node("card", node("card", p("x"))), "content[0].content[0]"),
        (node("card", columns("1:1", [p("x")], [p("x")])), "content[0].content[0]"),
        (columns("1:1", [p("x")]), "content[0]"),
        (columns("1:1:1", [p("x")], [p("x")]), "content[0]"),
        (columns("3:1", [p("x")], [p("x")]), "content[0].attrs.ratio"),
        (columns("1:1", [p("x")], [columns("1:1", [p("x")], [p("x")])]), "content[0].content[1].content[0]"),
        (node("columns"), "content[0].content"),
        (node("column", p("x")), "content[0]"),
        (node("social", links=[{"network": "myspace", "url": "https://x.example"}]), "content[0].attrs.links[0].network"),
        (node("social", links=[{"network": "x", "url": "javascript:x"}]), "content[0].attrs.links[0].url"),
        (p(tag("first name")), "content[0].content[0].attrs.name"),
        (p(tag("_track")), "content[0].content[0].attrs.name"),
        (p(tag("true")), "content[0].content[0].attrs.name"),
        (p(tag("not")), "content[0].content[0].attrs.name"),
        (p(tag("x}}{% for a in b %}")), "content[0].content[0].attrs.name"),
        (p(tag("x", filter="attr")), "content[0].content[0].attrs.filter"),
        (p(tag("x", filter="default")), "content[0].content[0].attrs.filter"),
        (p(tag("")), "content[0].content[0].attrs"),
        (node("personal", p("x"), field="x", operator="exec"), "content[0].attrs.operator"),
        (node("html", source="{% if x %}"), "content[0].attrs.source"),
        (node("html", source="{{ x.__class__ }}"), "content[0].attrs.source"),
        (node("html", source="<p>never closed <!-- "), "content[0].attrs.source"),
        (node("html", source="<style>p{"), "content[0].attrs.source"),
        (node("html", source="<p class='"), "content[0].attrs.source"),
        (node("html", source="<style>"), "content[0].attrs.source"),
        (node("html", source="</td></tr></table>"), "content[0].attrs.source"),
        (node("html", source="<table><tr><td>"), "content[0].attrs.source"),
        (node("html", source="<div>" * 5000), "content[0].attrs.source"),
        (p("a\0b"), "content[0].content[0].text"),
        (p("a\ud800b"), "content[0].content[0].text"),
        (node("image", alt="\udfff"), "content[0].attrs.alt"),
        (node("html", source="\ud800"), "content[0].attrs.source"),
    ],
)  # fmt: skip
def test_what_is_unknown_or_does_no_good_is_refused_with_its_path(block: Any, path: str) -> None:
    error = refused(json.dumps({"content": [block]}))
    assert error.path == path
    assert str(error).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "source",
    ["", "x <", "<p>x<!-- y --></p>\n", "<style>p{}</style>", "<p>{% if x %}y{% endif %}</p>", "<!-- x -->"],
)
def test_html_that_ends_where_it_began_is_taken(source: str) -> None:
    (html,) = schema.read(written(node("html", source=source))).content
    assert html.attrs["source"] == source


@pytest.mark.parametrize(
    "source",
    [
        "",
        "nothing",
        "[]",
        '"x"',
        "3",
        '{"content": [], "content": []}',
        '{"content": [{"type": "spacer", "attrs": {"height": NaN}}]}',
        '{"content": [{"type": "spacer", "attrs": {"height": Infinity}}]}',
        '{"content": [{"type": "spacer", "attrs": {"height": ' + "9" * 5000 + "}}]}",
        '{"content": [{"type": "spacer", "attrs": {"height": 1e400}}]}',
        '{"version": 2}',
        '{"version": 0}',
        '{"version": true}',
        '{"version": "1"}',
        '{"script": 1}',
        '{"content": {}}',
        '{"style": []}',
        '{"content": [] ',
        "\ud800",
    ],
)
def test_what_is_no_document_is_refused(source: str) -> None:
    refused(source)


@pytest.mark.parametrize(
    ("style", "path"),
    [
        ({"colors": {"text": "#12345"}}, "style.colors.text"),
        ({"colors": {"text": "#123456}*{x:y"}}, "style.colors.text"),
        ({"colors": {"glow": "#123456"}}, "style.colors"),
        ({"dark": {"text": "black"}}, "style.dark.text"),
        ({"fonts": {"body": "Comic Sans"}}, "style.fonts.body"),
        ({"width": 5000}, "style.width"),
        ({"size": 2}, "style.size"),
        ({"button": {"shape": "star"}}, "style.button.shape"),
        ({"header": {"logo": "javascript:x"}}, "style.header.logo"),
        ({"footer": {"align": "justify"}}, "style.footer.align"),
        ({"css": "*{}"}, "style"),
    ],
)
def test_a_style_is_refused_with_its_path(style: dict[str, Any], path: str) -> None:
    assert refused(json.dumps({"style": style})).path == path


def test_ten_thousand_unknown_blocks_are_counted_before_they_are_read() -> None:
    error = refused(written(*[node("virus")] * 10_000))
    assert error.path == "content"
    assert "10000" in str(error).replace(",", "").replace("\xa0", "")


@pytest.mark.parametrize("unit", ['{"content":[', "[", '{"a":'])
def test_twenty_thousand_levels_are_refused_in_milliseconds(unit: str) -> None:
    started = time.thread_time()
    refused('{"content":[' + unit * 20_000)
    assert time.thread_time() - started < 0.5  # a tenth is usual


def test_blocks_nest_to_twelve_levels_and_no_further() -> None:
    def lists(depth: int) -> dict[str, Any]:
        inner = [p("x")] if depth == 1 else [p("x"), lists(depth - 1)]
        return node("bulletList", node("listItem", *inner))

    schema.read(written(node("personal", node("card", lists(4)), field="x")))
    assert "4" in str(refused(written(lists(5))))
    block = p("x")
    for _level in range(4):
        block = node("personal", block, field="x")
    schema.read(written(block))
    assert "4" in str(refused(written(node("personal", block, field="x"))))
    deep = columns("1:1", [lists(4)], [])
    for _level in range(3):
        deep = node("personal", deep, field="x")
    assert "12" in str(refused(written(deep)))


def test_half_a_megabyte_is_the_limit() -> None:
    refused(json.dumps({"content": [p("x" * 90_000)] * 6}))
    schema.read(json.dumps({"content": [p("é" * 40_000)]}, ensure_ascii=False))
