"""The template language: what it prints, what it refuses, and how soon it stops."""

from collections.abc import Callable

import pytest

from campaigns.content.language import merge_text, pieces
from campaigns.content.language.merge_text import ContentError
from tests.content.calls import calls
from tests.content.samples import HARMLESS_PAYLOADS, PAYLOADS


def html(source: str, **values) -> str:
    return merge_text.parse(source, where="html").render_html(values)


def text(source: str, **values) -> str:
    return merge_text.parse(source, where="text").render_text(values)


PRINTED = [
    ("Hello {{ name }}", {"name": "Ana"}, "Hello Ana"),
    ("Hello {{ name }}!", {}, "Hello !"),
    ("{{ name|default('friend') }}", {}, "friend"),
    ("{{ name|default('friend') }}", {"name": ""}, "friend"),
    ("{{ name|default('friend') }}", {"name": None}, "friend"),
    ("{{ name|default(other) }}", {"other": "x"}, "x"),
    ("{{ name|default('friend')|upper }}", {"name": "ana"}, "ANA"),
    ("{{ name|lower }}{{ name|capitalize }}{{ name|title }}{{ name|trim }}", {"name": "aNa"}, "anaAnaAnaaNa"),
    (
        "{{ n }} {{ f }} {{ g }} {{ yes }} {{ nothing }}",
        {"n": 3, "f": 3.0, "g": 3.5, "yes": True, "nothing": None},
        "3 3 3.5 true ",
    ),
    (
        "{{ tags }}|{{ tags|join(' + ') }}|{{ tags|first }}|{{ tags|last }}|{{ tags|length }}",
        {"tags": ["a", "b"]},
        "a, b|a + b|a|b|2",
    ),
    (
        "{{ born|date('%d %B %Y') }} {{ odd|date }}",
        {"born": "1990-02-03", "odd": "soon"},
        "03 February 1990 soon",
    ),
    ("{% if vip %}A{% elif city == 'Lisbon' %}B{% else %}C{% endif %}", {"city": "Lisbon"}, "B"),
    ("{% if orders > 3 %}many{% else %}few{% endif %}", {"orders": "12"}, "many"),
    ("{% if orders > 3 %}many{% else %}few{% endif %}", {"orders": None}, "few"),
    ("{% if orders > 3 %}many{% else %}few{% endif %}", {}, "few"),
    ("{% if orders == 3 %}yes{% endif %}", {"orders": "3"}, "yes"),
    ("{% if 'a' in tags and not ('z' in tags) %}yes{% endif %}", {"tags": ["a"]}, "yes"),
    ("{% if 'a' in missing %}yes{% else %}no{% endif %}", {}, "no"),
    ("{% if x is defined %}yes{% else %}no{% endif %}", {}, "no"),
    (
        "{% for tag in tags %}{{ loop.index }}{{ tag }}{% if not loop.last %},{% endif %}{% endfor %}",
        {"tags": ["a", "b"]},
        "1a,2b",
    ),
    ("{% for i in items %}{{ i.name }}{% else %}none{% endfor %}", {"items": [{"name": "x"}]}, "x"),
    ("{% for i in items %}{{ i.name }}{% else %}none{% endfor %}", {"items": "text"}, "none"),
    ("{% for i in items %}{{ i.upper }}{% endfor %}", {"items": ["x"]}, ""),
    ("a {# nobody sees this #}b", {}, "a b"),
    ('{{ "{{" }}', {}, "{{"),
    ("a\n", {}, "a\n"),
]


@pytest.mark.parametrize(("source", "values", "printed"), PRINTED)
def test_a_template_prints(source: str, values: dict, printed: str) -> None:
    assert text(source, **values) == printed


def test_values_are_escaped_in_html_and_only_there() -> None:
    evil = "<script>\"'&"
    assert html("<p title='{{ x }}'>{{ x }}</p>", x=evil).count("&lt;script&gt;&#34;&#39;&amp;") == 2
    assert html("{{ x|default(y)|upper }}", y="<b>") == "&lt;B&gt;"
    assert text("{{ x }}", x=evil) == evil


def test_a_line_for_a_header_has_no_line_breaks_or_control_characters() -> None:
    template = merge_text.parse("Hi {{ x }}", where="subject")
    assert template.render_line({"x": "a\r\nBcc: b\x00\x85c\u2028d"}) == "Hi a Bcc: b c d"


def test_a_template_knows_its_fields_but_not_its_loop_names() -> None:
    template = merge_text.parse(
        "{{ a|default(b) }}{% for i in c if i.x == d %}{{ i.y }}{{ loop.index }}{% endfor %}"
        "{% if e %}{{ i }}{% endif %}",
        where="html",
    )
    assert template.fields == {"a", "b", "c", "d", "e", "i"}


def test_an_error_names_its_line_and_place() -> None:
    with pytest.raises(ContentError) as caught:
        merge_text.parse("one\ntwo {{ 7 * 7 }}", where="text")
    assert caught.value.line == 2
    assert caught.value.where == caught.value.field == "text"
    assert str(caught.value) == "Line 2: Calculations aren't supported. Store the result in a field."


MOST_CALLS = 3_000_000  # less than a second; reading the most tags that are allowed takes twelve million


def refuse(template: Callable[[], str], *, match: str | None = None) -> None:
    with pytest.raises(ContentError, match=match) as caught:
        template()
    assert str(caught.value)


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_a_hostile_template_is_refused_at_once(number: int) -> None:
    payload = PAYLOADS[number]
    if payload in HARMLESS_PAYLOADS:
        assert text(payload) == ""
    else:
        assert calls(lambda: refuse(lambda: text(payload, x="v", b=["v"]))) < MOST_CALLS


def test_the_table_of_hostile_templates_is_long() -> None:
    assert len(PAYLOADS) >= 300


LONG = ["item"] * 2000
BOMBS = [
    "{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in l %}{% for b in l %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in l %}{% for b in l %}{% if a == b and a == b %}{% endif %}{% endfor %}{% endfor %}",
    "{% for a in l %}" + "y" * 100_000 + "{% endfor %}",
    "{% for a in l %}{% for b in l %}{{ big }}{% endfor %}{% endfor %}",
    "{% for a in l %}{{ big|upper|lower }}{% endfor %}",
    "{% for a in l %}" + "{% if a %}{% endif %}" * 3000 + "{% endfor %}",
    "{% for a in l %}x{% endfor %}" * 400,
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_that_would_never_end_is_stopped(bomb: str) -> None:
    big = "z" * 65_536
    assert calls(lambda: refuse(lambda: html(bomb, l=LONG, big=big), match="too large")) < 4 * MOST_CALLS


@pytest.mark.parametrize(
    "value", [object(), ValueError("secret"), merge_text, {"secret": 1}, b"secret", lambda: "secret"]
)
def test_a_value_that_is_no_plain_data_prints_nothing(value: object) -> None:
    assert html("{{ x }}{{ x|upper }}{{ x|first }}{{ x|join }}{% if x == 1 %}{% endif %}", x=value) == ""


def test_reading_a_template_takes_in_proportion_to_its_tags() -> None:
    cell = "<td>{{ x|default('y') }}</td>\n"
    assert len(html(cell * 4000, x="v")) == 4000 * 11, "as many as are allowed"
    few, many = (calls(lambda tags=tags: html(cell * tags, x="v")) for tags in (100, 400))
    assert many < 5 * few


LABORIOUS = "{{ x" + "|title" * 20 + " }}"


@pytest.mark.parametrize(
    "source",
    [
        "".join("{{ x" + "|title" * 20 + f"|default('{number}') }}}}" for number in range(300)),
        LABORIOUS * 300 + "{% if x %}{% endif %}",
        "{% for a in l %}" + "{{ a|upper|lower|title|trim }}" * 50 + "{% endfor %}",
        "{% if x in x %}{% endif %}" * 300,
    ],
)
def test_filters_work_no_more_than_a_rendering_may(source: str) -> None:
    values = {"x": "a b " * 2_500, "l": ["a b " * 250] * 100}
    template = merge_text.parse(source, where="html")
    with pytest.raises(ContentError, match="too large"):
        template.render_html(values)
    with pytest.raises(merge_text.TooMuch):
        pieces.program(template, merge_text.html_value, str)(values)


def test_a_rendering_that_has_had_its_time_is_stopped(monkeypatch) -> None:
    monkeypatch.setattr(merge_text, "LONGEST_S", -1.0)
    with pytest.raises(ContentError, match="too large"):
        merge_text.parse("{{ x }}", where="html").render_html({"x": "a"})


def test_a_mail_of_many_long_fields_is_no_work_to_speak_of() -> None:
    template = merge_text.parse("{{ x|default('you')|title }} " * 200, where="html")
    assert template.render_html({"x": "ana maria silva"}).count("Ana Maria Silva") == 200
