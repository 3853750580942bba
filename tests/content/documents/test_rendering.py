"""What a document becomes: HTML in which nothing of the author's is read as anything but what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import lxml.html
import pytest
from flask import Flask
from flask_babel import force_locale

from campaigns.content import starters
from campaigns.content.checks.findings import Facts, Level, check
from campaigns.content.compiled.compiling import Preview, compile_content
from campaigns.content.documents import hrefs, rendering, tags
from campaigns.content.language import merge_text
from tests.content.documents.build import link, node, p, recipient, tag, text, written
from tests.content.samples import GOOD


@pytest.fixture(autouse=True)
def english(app: Flask) -> Iterator[None]:
    with force_locale("en"):
        yield


ANA = recipient(first_name="Ana", id="7")


def html_of(*blocks: Any, **style: Any) -> str:
    return rendering.html_of(written(*blocks, **style), language="en", public_url="https://news.example/")


def shown(*blocks: Any, person: dict[str, Any] | None = None, **style: Any) -> Preview:
    source = replace(GOOD, html=html_of(*blocks, **style), text="", footer=None, preheader="")
    return compile_content(source).preview(person or {})


def tree_of(html: str) -> Any:
    return lxml.html.document_fromstring(html)


def words_of(html: str) -> str:
    """The visible words of an email, without its title."""
    return " ".join(tree_of(html).find("body").text_content().split())


HOSTILE = [
    "{{ secret }}",
    "{% if x %}",
    "{# gone #}",
    "</td></tr></table><script>alert(1)</script>",
    "<!-- ",
    "]]><mj-raw>",
    "@@0@@ @@1@@",
    "\"><img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp;amp; &#123;&#123; x }}",
    "<![endif]-->",
    "\ue0001\ue001",
    "{%raw%}{{",
    "</style>",
    "\\x7b{ x }}",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_text_prints_as_it_was_typed_wherever_it_stands(words: str) -> None:
    alt = words if words != "{{ secret }}" else "A"  # a whole tag is one, in an alt text
    blocks = [
        node("heading", words),
        p(
            text(words, "bold", link("https://example.com/", utm={"source": words})),
            tag("name", fallback=words),
        ),
        node("bulletList", node("listItem", p(words))),
        node("codeBlock", words),
        node("image", src="https://example.com/x.png", alt=alt),
        node("button", words, href="https://example.com/"),
        node("personal", p(words), field="name", operator="is_not", value=words),
        node("card", p(words)),
    ]
    preview = shown(*blocks, person={"secret": "SECRET"}, header={"text": words}, footer={"text": words})
    tree = tree_of(preview.html)
    seen = " ".join(re.sub("[\ue000-\ue002]", "", words).split())
    assert words_of(preview.html).count(seen) >= 9
    assert tree.xpath("//img/@alt") == [re.sub("[\ue000-\ue002]", "", alt)]
    assert tree.xpath("//script") == []
    assert "SECRET" not in preview.html + preview.text
    assert preview.text.count(seen.split()[0]) >= 9


@pytest.mark.parametrize(
    ("alt", "printed"),
    [
        ("A seat for {{ name | default('you') }}", 'A seat for Zoë "Z" <b>'),
        ("{{ missing | default('you') }} & <i>", "you & <i>"),
        ("{{ name", "{{ name"),
        ("{{ name }} {% if name %}x{% endif %}", "{{ name }} {% if name %}x{% endif %}"),
        ("{{ name }}{# secret #}", "{{ name }}{# secret #}"),
        ("{{ 7*7 }} {one}", "{{ 7*7 }} {one}"),
    ],
)
def test_merge_tags_in_an_alt_text_print_a_persons_data(alt: str, printed: str) -> None:
    preview = shown(node("image", src="https://example.com/x.png", alt=alt), person={"name": 'Zoë "Z" <b>'})
    assert tree_of(preview.html).xpath("//img/@alt") == [printed]


def test_merge_tags_print_a_persons_data_their_fallback_or_both_filtered() -> None:
    blocks = [p("Dear ", tag("first_name", 'fr"ie}}nd\\ & <co> 你', "upper"), "!")]
    assert "Dear ANA!" in shown(*blocks, person={"first_name": "Ana"}).text
    assert 'Dear FR"IE}}ND\\ & <CO> 你!' in shown(*blocks, person={"first_name": " "}).text
    assert words_of(shown(p(tag("x")), person={"x": "<b>1</b>"}).html) == "<b>1</b>"


@pytest.mark.parametrize(
    ("operator", "value", "seen_by"),
    [
        ("is", "Aix", ["Aix", " aix "]),
        ("is", "30", [30, "30", 30.0]),
        ("is", "0", [0, "0"]),
        ("is_not", "Aix", ["", None, "Berlin", 30, "30", 30.0, 0, "0"]),
        ("is_not", "30", ["", None, "Berlin", "Aix", " aix ", 0, "0"]),
        ("is_set", "", ["Berlin", "Aix", " aix ", 30, "30", 30.0, 0, "0"]),
        ("is_not_set", "", ["", None]),
        ("contains", "I", ["Aix", " aix ", "Berlin"]),
        ("contains", "", ["Berlin", "Aix", " aix ", 30, "30", 30.0, 0, "0"]),
        ("is", '"}} or 1 == 1 %}', []),
    ],
)
def test_a_personal_block_is_shown_to_whom_it_is_for(operator: str, value: str, seen_by: list[Any]) -> None:
    values = ["", None, "Berlin", "Aix", " aix ", 30, "30", 30.0, 0, "0"]
    condition = tags.condition("city", operator, value)
    template = merge_text.parse(f"{{% if {condition} %}}yes{{% endif %}}", where="html")
    given = [each for each in values if template.render_html({"city": each} if each is not None else {})]
    assert sorted(map(repr, given)) == sorted(map(repr, seen_by))


@pytest.mark.parametrize("inside", ["rows", "columns", "in a card", "in a column"])
def test_a_personal_block_keeps_the_layout_whole_in_both_parts(inside: str) -> None:
    pair = node("columns", node("column", p("Left")), node("column", p("Right")), ratio="1:1")
    more = [pair] if inside == "columns" else []
    block = node("personal", p("Only Aix"), *more, field="city", operator="is", value="Aix")
    if inside == "in a card":
        block = node("card", p("Card"), block)
    if inside == "in a column":
        block = node("columns", node("column", block), node("column", p("Right")), ratio="1:1")
    blocks = [p("Before"), block, node("divider"), p("After")]
    for city, is_seen in (("Aix", True), ("Berlin", False)):
        preview = shown(*blocks, person={"city": city})
        for part in (words_of(preview.html), preview.text):
            assert ("Only Aix" in part) is is_seen
            assert part.index("Before") < part.index("After")
        if inside == "rows" and not is_seen:
            assert shape(preview.html) == shape(shown(*(each for each in blocks if each is not block)).html)
        assert balanced(preview.html)


def balanced(html: str) -> bool:
    """Whether every table that is opened is closed, with and without what only Outlook reads."""
    outlook = re.sub(r"<!--\[if mso[^\]]*\]>|<!\[endif\]-->", "", html)
    return all(
        len(re.findall(rf"<{name}[\s>]", each)) == each.count(f"</{name}>")
        for each in (html, outlook)
        for name in ("table", "tr", "td", "div")
    )


def shape(html: str) -> list[str]:
    return [each.tag for each in tree_of(html).iter() if isinstance(each.tag, str)]


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("https://a.example", "https://a.example?utm_source=n&utm_medium=e"),
        ("https://a.example/?x=1", "https://a.example/?x=1&utm_source=n&utm_medium=e"),
        ("https://a.example/?x=1#top", "https://a.example/?x=1&utm_source=n&utm_medium=e#top"),
        ("https://a.example/#a?b", "https://a.example/?utm_source=n&utm_medium=e#a?b"),
        ("https://a.example/?", "https://a.example/?utm_source=n&utm_medium=e"),
        ("https://a.example/?utm_source=old&y=2", "https://a.example/?y=2&utm_source=n&utm_medium=e"),
        ("https://a.example/?utm_term=old", "https://a.example/?utm_term=old&utm_source=n&utm_medium=e"),
        ("https://a.example/{{ id }}?q={{ x }}", "https://a.example/{{ id }}?q={{ x }}&utm_source=n&utm_medium=e"),
        ("https://a.example/{{ a|first('?#') }}", "https://a.example/{{ a|first('?#') }}?utm_source=n&utm_medium=e"),
        ("{{ page }}", "{{ page }}"),
        ("mailto:ana@example.org", "mailto:ana@example.org"),
        ("tel:+43", "tel:+43"),
    ],
)  # fmt: skip
def test_campaign_parameters_stand_where_they_belong(url: str, made: str) -> None:
    assert hrefs.with_utm(url, [("source", "n"), ("medium", "e")]) == made
    assert hrefs.with_utm(url, []) == url


def test_campaign_parameters_are_encoded() -> None:
    assert hrefs.with_utm("https://a.example", [("campaign", "a b&c={{ x }}ü")]) == (
        "https://a.example?utm_campaign=a%20b%26c%3D%7B%7B%20x%20%7D%7D%C3%BC"
    )


def test_a_link_is_one_link_however_its_text_is_marked() -> None:
    mark = link("https://example.com/?id={{ id }}&b=2", tracked=False)
    html = html_of(
        p(text("one ", mark), text("two", "bold", mark), text(" three", link("https://example.com/")))
    )
    first, second = tree_of(html).xpath("//a")
    assert first.text_content() == "one two"
    assert "data-no-track" in first.attrib and "data-no-track" not in second.attrib
    compiled = compile_content(replace(GOOD, html=html, text="", footer=None))
    sent = message_from_bytes(compiled.compose(ANA), policy=policy.default)
    plain, rich = (sent.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert [each.url for each in compiled.links] == ["https://example.com/"]
    assert "https://example.com/?id=" in plain and "https://example.com/?id=" in rich
    assert "data-no-track" not in rich


def test_a_picture_says_how_wide_it_is_and_where_it_is() -> None:
    html = html_of(
        node("image", src="/media/abc/x.png", alt="A", href="https://example.com/"),
        node("image", src="https://example.com/y.png", alt="", width=2000),
        node("image", src="cid:logo@x", alt="B", width=120, rounded=True),
        node("image"),
        node(
            "columns", node("column", node("image", src="/media/z.png", alt="C")), node("column"), ratio="1:2"
        ),
        width=640,
    )
    pictures = tree_of(html).xpath("//img")
    assert [each.get("src") for each in pictures] == [
        "https://news.example/media/abc/x.png",
        "https://example.com/y.png",
        "cid:logo@x",
        "https://news.example/media/z.png",
    ]
    assert [each.get("width") for each in pictures] == ["592", "592", "120", "181"]
    assert all(each.get("alt") is not None for each in pictures)


def test_what_runs_from_right_to_left_says_so() -> None:
    html = html_of(p("Hello"), p("שלום"), p(tag("name")))
    hello, shalom, name = tree_of(html).xpath("//p")
    assert (hello.get("dir"), shalom.get("dir"), name.get("dir")) == (None, "auto", "auto")
    assert shalom.get("class") == "r"
    assert tree_of(html).get("dir") == "ltr"
    arabic = tree_of(html_of(node("heading", "مرحبا"), p("Hello")))
    assert arabic.get("dir") == "rtl"
    assert arabic.xpath("//p")[0].get("dir") == "auto"


def test_the_text_part_reads_as_a_letter() -> None:
    inner = node("bulletList", node("listItem", p("Inner")))
    preview = shown(
        node("heading", "Title"),
        p("First."),
        node("orderedList", node("listItem", p("One"), inner), node("listItem", p("Two")), start=3),
        node("button", "Go on", href="https://example.com/go"),
        node("image", src="https://example.com/x.png", alt="A pigeon"),
        node("columns", node("column", p("Left")), node("column", p("Right")), ratio="1:1"),
        node("social", links=[{"network": "github", "url": "https://github.com/x"}, {"network": "x", "url": ""}]),
    )  # fmt: skip
    assert preview.text == (
        "Title\n\nFirst.\n\n3. One\n  - Inner\n4. Two\n\nGo on (https://example.com/go)\n\nA pigeon\n\nLeft\n\nRight\n\n"
        "GitHub (https://github.com/x)\n"
    )


def test_html_by_hand_goes_out_as_it_was_written() -> None:
    inside = "{{ city | upper }} {% if city %}<b>yes</b>{% endif %}"
    source = f'<table class="mine"><tr><td onclick="x">{inside}</td></tr></table>'
    assert source in html_of(node("html", source=source))
    assert "AIX yes" in words_of(shown(node("html", source=source), person={"city": "Aix"}).html)


def test_every_kind_of_block_passes_the_checks_of_an_email() -> None:
    mark, red = link("https://example.com/a"), {"type": "textColor", "attrs": {"color": "#cc0000"}}
    column = node("column", node("heading", "Column", level=2), p("Text"), node("card", p("Card")))
    html = html_of(
        node("heading", "Title"),
        p("Long enough to be an email. " * 10, text("a link", mark), text("red", red)),
        node("blockquote", p("Quote")),
        node("codeBlock", "code"),
        node("button", "Outline", href="https://example.com/b", kind="outline", full=True),
        node("divider"),
        node("spacer", height=8),
        node("columns", column, column, ratio="2:1", stacks=False),
        node("card", p("x", text("link", mark)), background="#123456"),
        node("image", src="https://example.com/x.png", alt="A pigeon"),
    )  # fmt: skip
    findings = check(replace(GOOD, html=html), Facts(fields=frozenset({"first_name"})))
    assert [str(each.sentence) for each in findings if each.level is not Level.FINE] == []
    assert balanced(html)
    tree = tree_of(html)
    assert {each.get("role") for each in tree.xpath("//table")} == {"presentation"}
    assert [each.tag for each in tree.xpath("//h1|//h2")] == ["h1", "h2", "h2"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("key", [starter.key for starter in starters.STARTERS])
def test_inlining_and_tracking_change_nothing_else_in_a_starter(key: str, language: str) -> None:
    html = starters.html(key, language=language, site="Loft", postal_address="Aix")
    compiled = compile_content(replace(GOOD, html=html, text="", footer=None, preheader=""))
    sent = message_from_bytes(compiled.compose(ANA), policy=policy.default)
    rich = sent.get_body(("html",)).get_content()  # type: ignore[union-attr]
    preview = compiled.preview(ANA.values).html
    plain = merge_text.parse(html, where="html").render_html(ANA.values)
    assert outline(plain) == outline(preview) == outline(rich)


def outline(html: str) -> list[Any]:
    """The elements, attributes and words of an email, without styles, targets and the pixel that counts opens."""
    body = tree_of(html).find("body")
    return [
        (each.tag, sorted(set(each.items()) - _changing(each)), _squeezed(each.text), _squeezed(each.tail))
        for each in body.iter()
        if isinstance(each.tag, str) and not (each.tag == "img" and each.get("width") == "1")
    ]  # fmt: skip


def _changing(element: Any) -> set[tuple[str, str]]:
    return {(name, value) for name, value in element.items() if name in ("style", "href")}


def _squeezed(words: str | None) -> str:
    return " ".join((words or "").split())


@pytest.mark.parametrize(("language", "name"), [("en", "WeChat"), ("zh", "微信")])
def test_profiles_shown_as_icons_are_read_out_by_name(language: str, name: str) -> None:
    links = [{"network": "wechat", "url": "https://wechat.example/x"}, {"network": "x", "url": ""}]
    document = written(node("social", links=links, look="icons"))
    html = rendering.html_of(document, language=language, public_url="https://mail.example.com")
    (icon,) = tree_of(html).xpath("//a/img")
    assert icon.get("src") == "https://mail.example.com/media/social/1/wechat.png"
    assert (icon.get("alt"), icon.get("width"), icon.get("height")) == (name, "32", "32")
    preview = compile_content(replace(GOOD, html=html, text="", footer=None, preheader="")).preview({})
    assert preview.text.strip() == f"{name} (https://wechat.example/x)"


def test_lists_and_buttons_stand_on_the_side_from_which_they_are_read() -> None:
    word = {"type": "text", "text": "שלום"}
    item = {"type": "listItem", "content": [{"type": "paragraph", "content": [word]}]}
    button = {"type": "button", "attrs": {"href": "https://example.com/"}, "content": [word]}
    content = [{"type": "paragraph", "content": [word]}, {"type": "bulletList", "content": [item]}, button]
    html = rendering.html_of(json.dumps({"version": 1, "content": content}), language="he", public_url="")
    assert '<ul dir="rtl">' in html
    assert '<td class="n" align="right">' in html
