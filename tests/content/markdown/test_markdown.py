"""Markdown becomes the HTML of an email; merge tags stay as they are, and no source takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content.compiled.bodies import build
from campaigns.content.markdown import parsing, rendering
from campaigns.core.errors import Invalid
from tests.content.calls import calls
from tests.content.samples import HARMLESS_PAYLOADS, PAYLOADS, make_source
from tests.lengths import first

MOST_CALLS = 12_000_000  # some two seconds


def html(written: str) -> str:
    parsed = parsing.parse(written)
    return rendering.fragment(parsed, parsed.tokens, public_url="https://news.example.org/")


def whole(written: str) -> str:
    return rendering.html_of(written, language="en", public_url="https://news.example.org/")


def read(written: str, **values: object) -> str:
    return build(make_source(html=whole(written))).preview(values).html


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("# Hi", "<h1>Hi</h1>"),
        ("###### Deep", "<h3>Deep</h3>"),
        ("*a* **b** ~~c~~ `d`", '<em>a</em> <strong>b</strong> <s>c</s> <code dir="ltr">d</code>'),
        ("- a\n- b", "<ul><li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", '<ol start="3"><li>a</li>'),
        ("a\\\nb", "a<br>b"),
        ("<b onclick=x>", "&lt;b onclick=x&gt;"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](https://a.example/?a=1&b=2)", '<a href="https://a.example/?a=1&amp;b=2">x</a>'),
        (
            "See https://a.example/b_c_d.",
            '<a href="https://a.example/b_c_d">https://a.example/b_c_d</a>.',
        ),
        ("![Loft](/media/1/a.png)", '<img src="https://news.example.org/media/1/a.png" alt="Loft"'),
        ("| a | b |\n|---|--:|\n| 1 | 2 |", '<td align="right"'),
    ],
)
def test_markdown_reads_as_it_should(written: str, expected: str) -> None:
    assert expected in html(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Hello {{ first_name }}", "Hello {{ first_name }}"),
        ("_{{ a_b_c }}_", "<em>{{ a_b_c }}</em>"),
        ("*{{ a | default('x*y') }}*", "<em>{{ a | default('x*y') }}</em>"),
        ('[x](https://a.example/?id={{ i | default("a b") }})', 'href="https://a.example/?id={{ i | default("a b") }}"'),
        ("https://a.example/?id={{ id }}&b=1", '<a href="https://a.example/?id={{ id }}&amp;b=1">'),
        ("[x]({{ url }})", '<a href="{{ url }}">x</a>'),
        ("![{{ a }}](https://a.example/{{ b }}.png)", 'src="https://a.example/{{ b }}.png" alt="{{ a }}"'),
        ("`{{ a }}`", "<code dir=\"ltr\">{{ a }}</code>"),
        ("a {% if x %}b{% else %}c{% endif %} d", "a {% if x %}b{% else %}c{% endif %} d"),
    ],
)  # fmt: skip
def test_merge_tags_stay_as_they_are_written(written: str, expected: str) -> None:
    assert expected in html(written)


def test_an_if_holds_several_paragraphs_and_lists() -> None:
    written = "Hello\n{% if member %}\nThank you.\n\n- one\n- two\n{% endif %}\nBye"
    assert "<p>Hello</p>\n{% if member %}<p>Thank you.</p>" in html(written)
    shown, hidden = read(written, member=True), read(written, member=False)
    assert "<li" in shown
    assert "Thank you." in shown
    assert "Thank you." not in hidden
    assert "<li" not in hidden
    assert "Bye" in hidden


def test_the_title_has_no_words_that_are_meant_for_some() -> None:
    said = whole("{% if member %}\n# For members\n{% endif %}\nHello")
    assert "<title></title>" in said
    assert "<title>Hello</title>" in whole("Hello\n\n{% if member %}\n# For members\n{% endif %}")


def test_a_loop_repeats_what_stands_between_its_lines() -> None:
    said = read("{% for each in items %}\n- {{ each }}\n{% endfor %}", items=["corn", "peas"])
    assert said.index("corn") < said.index("peas")


def test_the_whole_email_has_a_title_dark_mode_and_the_language() -> None:
    said = whole("Words first\n\n## The loft in autumn\n\nMore")
    assert "<title>The loft in autumn</title>" in said
    assert "prefers-color-scheme: dark" in said
    assert 'lang="en"' in said


def test_right_to_left_text_is_laid_out_from_the_right() -> None:
    assert 'dir="rtl"' in whole("שלום עולם")
    assert '<p dir="auto">' in html("שלום עולם")


def test_nothing_written_is_no_email_of_its_own() -> None:
    assert "<p" not in html("  \n\n")


@pytest.mark.parametrize("number", first(40, range(len(PAYLOADS))))
def test_hostile_merge_language_is_refused_as_in_html(number: int) -> None:
    payload = PAYLOADS[number]
    if payload in HARMLESS_PAYLOADS:
        assert html(payload)
        return

    def refused() -> None:
        with pytest.raises(Invalid) as caught:
            whole(payload)
        assert str(caught.value)
        assert caught.value.field == "written"

    assert calls(refused) < MOST_CALLS


def test_the_sentence_says_the_line() -> None:
    with pytest.raises(Invalid, match="Line 3"):
        html("# Hello\n\n{{ a.__class__ }}")


HOSTILE = ["[", "*", "> ", ">", "**a", "[a](", "`", "_a", "- ", "<", "![", "|a", "~~a", "\\[", "1. ", "- a\n", "a\n\n",
    "|a|b|\n|-|-|\n", "[a]: b\n", "* * ", "http://a ", "&amp;", "    a\n"]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_markdown_costs_no_more_than_an_email_may(piece: str) -> None:
    written = (piece * 524_288)[:524_288]

    def tried() -> None:
        try:
            whole(written)
        except Invalid as error:
            assert error.field == "written"

    assert calls(tried) < MOST_CALLS


@pytest.mark.parametrize("piece", HOSTILE)
def test_as_many_signs_as_are_allowed_cost_no_more(piece: str) -> None:
    signs = max(1, sum(1 for each in piece if each in "[]*_~`<!|"))
    times = min(parsing.MOST_SIGNS // signs, 9_000 // max(1, piece.count("\n")), 3_900)
    written = piece * times

    def tried() -> None:
        try:
            whole(written)
        except Invalid as error:
            assert error.field == "written"

    assert calls(tried) < MOST_CALLS


def test_deep_nesting_is_refused_with_a_sentence() -> None:
    with pytest.raises(Invalid, match="nested more than"):
        html("> " * 40 + "a")


@given(st.text(alphabet="ab*_[]()`~<>!|#-\n {}%\"'&\\é汉", max_size=200))
def test_any_text_is_rendered_or_refused(written: str) -> None:
    try:
        said = html(written)
    except Invalid:
        return
    assert "<script" not in said.lower()
