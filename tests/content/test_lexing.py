"""The quick lexer finds what Jinja2's own finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, TemplateSyntaxError
from jinja2.lexer import Lexer

from campaigns.content.language.lexing import QuickLexer
from campaigns.content.language.merge_text import ContentError, parse

ENVIRONMENT = Environment(keep_trailing_newline=True)
BITS = st.lists(
    st.sampled_from(
        ["{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "{", "}", "(", ")", "'", '"', "|upper", " a ", "\n", "\r\n", "\r",
         "text", "{{ a }}", "{{ a|default('x') }}", "{% if a %}", "{% endif %}", "{{- a -}}", "{{ '}}' }}", "{% raw %}",
         "{% endraw %}", "{{\na\n}}", "{% %}", "1.5", "é"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


def tokens(lexer: Lexer, source: str) -> list[Any]:
    found: list[Any] = []
    try:
        found += lexer.tokeniter(source, None)
    except TemplateSyntaxError as error:
        return [error.lineno, error.message]
    return found


@given(BITS)
def test_any_source_has_the_tokens_that_jinja_finds(source: str) -> None:
    expected = tokens(Lexer(ENVIRONMENT), source)
    found = tokens(QuickLexer(ENVIRONMENT), source)
    if expected and expected[-1][1] in ("comment_begin", "raw_begin"):
        assert "Missing end" in found[1]
    else:
        assert found == expected


@pytest.mark.parametrize("source", ["Hello {#", "Hello\n{% raw %}", "{# a", "{% raw %}a"])
def test_a_comment_without_an_end_is_refused(source: str) -> None:
    with pytest.raises(ContentError, match="isn't closed"):
        parse(source, where="text")
