"""Dates, numbers and plurals as the reader's language writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content.compiled.compiling import compile_content, preview_content
from campaigns.content.language import local, merge_text, pieces
from campaigns.content.language.merge_text import ContentError
from tests.content.samples import make_source

ANYTHING = st.one_of(st.text(max_size=60), st.integers(), st.floats(), st.booleans(), st.none())


def said(source: str, language: str, **values) -> str:
    """What both programs of a template print."""
    template = merge_text.parse(source, where="text", language=language)
    printed = template.render_text(values)
    assert pieces.program(template, merge_text.filters.text, str)(values) == printed
    return printed.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("language", "date", "number", "money"),
    [
        ("en", "May 1, 2026", "12,345.5", "€1,234.50"),
        ("de", "1. Mai 2026", "12.345,5", "1.234,50 €"),
        ("zh", "2026年5月1日", "12,345.5", "€1,234.50"),
        ("pt-BR", "1 de maio de 2026", "12.345,5", "€ 1.234,50"),
        ("xx-unknown", "May 1, 2026", "12,345.5", "€1,234.50"),
    ],
)
def test_a_value_is_printed_as_the_language_writes_it(
    language: str, date: str, number: str, money: str
) -> None:
    values = {"day": "2026-05-01", "n": 12345.5, "price": "1234.5"}
    assert said('{{ day | date("long") }}', language, **values) == date
    assert said("{{ n | number }}", language, **values) == number
    assert said('{{ price | money("EUR") }}', language, **values) == money


@pytest.mark.parametrize(
    ("language", "forms", "printed"),
    [
        ("en", '"item", "items"', {0: "items", 1: "item", 2: "items"}),
        ("fr", '"article", "articles"', {0: "article", 1: "article", 2: "articles"}),
        ("ru", '"книга", "книги", "книг"', {1: "книга", 3: "книги", 5: "книг", 21: "книга"}),
        ("zh", '"本书", "本书"', {1: "本书", 7: "本书"}),
        (
            "ar",
            '"صفر", "واحد", "اثنان", "قليل", "كثير", "آخر"',
            {0: "صفر", 2: "اثنان", 11: "كثير", 100: "آخر"},
        ),
        ("en", '"items"', {1: "items"}),
    ],
)
def test_a_plural_is_the_one_that_the_language_uses_for_that_number(
    language: str, forms: str, printed: dict[int, str]
) -> None:
    assert {n: said(f"{{{{ n | plural({forms}) }}}}", language, n=n) for n in printed} == printed


def test_a_list_is_counted_and_a_value_that_is_no_number_is_many() -> None:
    assert said('{{ tags | plural("tag", "tags") }}', "en", tags=["a"]) == "tag"
    assert said('{{ n | plural("tag", "tags") }}', "en", n="some") == "tags"


def test_decimals_are_as_many_as_wished_but_never_more_than_six() -> None:
    assert said("{{ n | number(2) }}", "en", n=3) == "3.00"
    assert said("{{ n | number(900) }}", "en", n=3) == "3.000000"


@given(value=ANYTHING, argument=ANYTHING, language=st.sampled_from(["en", "zh", "ar", "..", ""]))
def test_no_value_and_no_argument_makes_a_filter_fail(value, argument, language: str) -> None:
    for name in local.LOCAL:
        assert isinstance(local.bound(language)[name](value, argument), str)


def test_values_that_are_no_numbers_or_dates_stay_as_they_are() -> None:
    for value in ("soon", "1e999", "9" * 19, "NaN", "１２", "1_000"):
        assert said("{{ x | number }}{{ x | money }}{{ x | date }}", "en", x=value) == value * 3


def test_an_author_is_told_of_arguments_that_a_filter_does_not_take() -> None:
    with pytest.raises(ContentError):
        merge_text.parse("{{ n | number(1, 2) }}", where="html")


def test_a_loop_cannot_buy_more_formatting_than_its_budget() -> None:
    template = merge_text.parse("{% for x in items %}{{ x | money('EUR') }}{% endfor %}", where="html")
    with pytest.raises(ContentError):
        template.render_html({"items": [1] * 30_000})


def test_the_mail_and_its_preview_use_the_language_of_their_content() -> None:
    tag = "<p>{{ day | date('long') }}</p>"
    source = make_source(html=tag, text="", subject="{{ n | number }}", language="de")
    shown = preview_content(source, {"day": "2026-05-01", "n": 1234})
    assert "1. Mai 2026" in shown.html
    assert shown.subject == "1.234"
    assert compile_content(source).html({"day": "2026-05-01"}).count("1. Mai 2026") == 1
