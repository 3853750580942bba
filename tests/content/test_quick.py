"""The quick way of making copies: the same bytes as the careful way, for any content and person."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.compiled.compiling import ContentError, Recipient, compile_content
from campaigns.mail.headers import HeaderInjection
from campaigns.mail.protocol import stuffed
from campaigns.mail.wire_text import WireText
from tests.content.samples import make_source
from tests.lengths import IS_LONG

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TRACK, UNSUBSCRIBE, VIEW = "a1-" + "0" * 32, "a2-" + "1" * 32, "a3-" + "2" * 32
LEAVE = "ab" + "3" * 16
REFUSED = (ContentError, HeaderInjection, ValueError)
ODD = st.sampled_from(
    [
        *(
            "",
            " ",
            "\r",
            "\n",
            "\r\n",
            "\x00",
            "\t",
            "\r\n.\r\n",
            ".",
            "\n.",
            "..",
            "\n..x",
            "From ",
            "=",
            "=?utf-8?q?x?=",
        ),
        *(
            "<b>",
            "&",
            '"',
            "'",
            "é",
            "中文",
            "\u2028",
            "\u202e",
            "\ud800",
            "😀",
            "x" * 75,
            "x" * 76,
            "y" * 1200,
        ),
        *("=?utf-8?q?x?=", "Ana", "Bcc: all@example.org", "{{", "}}", "%", "0", " \n", "a@b.c"),
    ]
)
WORDS = st.lists(st.one_of(ODD, st.text(max_size=20)), max_size=5).map("".join)
VALUES = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(WORDS, max_size=3))
TEXTS = WORDS.map(
    lambda text: "".join(each for each in text if each not in "{}<>\x00\ue000\ue001\ue002\ue003")
)
PRINTS = st.sampled_from(
    [
        *("{{ a }}", "{{ b|default('.x') }}", "{{ a|upper }}", "{{ c }}", "{{ email }}", "{{ share_url }}"),
        *(
            "{{ unsubscribe_url }}",
            "{{ web_view_url }}",
            "{{ preferences_url }}",
            "\n.",
            ".css { color: red }",
        ),
    ]
)
TEMPLATES = st.lists(st.one_of(TEXTS, PRINTS), max_size=7).map("".join)
ADDRESSES = st.sampled_from(
    [
        *(
            "ana@example.net",
            "Ana.O'Neil@Example.NET",
            ".a@example.net",
            "a@example.net\r\nBcc: b@example.net",
        ),
        *(
            "grüße@example.net",
            "ana@bücher.example",
            "ana",
            "",
            "a b@example.net",
            "a@-x",
            "x" * 65 + "@example.net",
        ),
    ]
)


def make_recipient(values, **changes) -> Recipient:
    facts = {
        "to_name": "",
        "to_address": "ana@example.net",
        "values": values,
        "message_id": "<copy@example.org>",
        "date": NOW,
        "track_token": TRACK,
        "unsubscribe_token": UNSUBSCRIBE,
        "view_token": VIEW,
        "leave_token": LEAVE,
    }
    return Recipient(**{**facts, **changes})


def by_the_standard(mail: bytes) -> bytes:
    """RFC 5321 section 4.5.2, line by line."""
    lines = mail.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"


def outcome(make, recipient) -> bytes | str:
    """The message, or why there is none."""
    try:
        return make(recipient)
    except REFUSED as error:
        return f"{type(error).__name__} {error}"


def is_sound(mail: bytes) -> bool:
    """Whether what the type of a message says is true of its bytes."""
    has_bare = any(b"\r" in line or b"\n" in line for line in mail.split(b"\r\n"))
    return not isinstance(mail, WireText) or (mail.isascii() and not has_bare)


@settings(max_examples=1500 if IS_LONG else 200, deadline=None)
@given(
    subject=st.one_of(
        TEXTS, st.just("{{ a }} {{ b }}"), st.just("Hello {{ c }}"), TEXTS.map("{{{{ a }}}}{}".format)
    ),
    html=TEMPLATES,
    text=st.one_of(st.just(""), TEMPLATES),
    values=st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "c": WORDS}),
    address=ADDRESSES,
    domain=st.sampled_from([None, "bounce.example.org"]),
)
def test_the_quick_way_makes_the_bytes_of_the_careful_one(
    subject, html, text, values, address, domain
) -> None:
    source = make_source(
        subject=subject or "x",
        html=f'<html><body>{html}<a href="https://example.com/1">y</a></body></html>',
        text=text,
        unsubscribe_domain=domain,
        share_url="https://news.example.org/e/x",
    )
    try:
        compiled = compile_content(source)
    except ContentError:
        return
    recipient = make_recipient({**values, "email": address}, to_address=address)
    quick, careful = outcome(compiled.compose, recipient), outcome(compiled.carefully, recipient)
    assert quick == careful
    if isinstance(quick, bytes):
        assert is_sound(quick)
        assert stuffed(quick) == by_the_standard(quick)


def test_usual_content_goes_the_quick_way() -> None:
    compiled = compile_content(make_source(subject="Hi {{ first_name }}"))
    made = compiled.compose(make_recipient({"first_name": "Zoë"}))
    assert isinstance(made, WireText)


@pytest.mark.parametrize(
    "change", [{"to_name": "Ana"}, {"to_address": "Ana@Example.NET"}, {"unsubscribe_token": "no token"}]
)
def test_a_person_who_needs_care_gets_it(change) -> None:
    compiled = compile_content(make_source())
    assert compiled.quick is not None
    assert compiled.quick(make_recipient({}, **change)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"html": "<html><body>{% if a %}x{% endif %}</body></html>"},
        {"from_name": "{{ a }}"},
        {"subject": "{{ unsubscribe_url }}"},
    ],
)
def test_content_that_does_more_than_print_fields_goes_the_careful_way(change) -> None:
    assert compile_content(make_source(**change)).quick is None


def test_too_much_is_refused_as_before() -> None:
    compiled = compile_content(make_source(html="<html><body>" + "{{ a }}" * 40 + "</body></html>"))
    recipient = make_recipient({"a": "é" * 60_000})
    assert outcome(compiled.compose, recipient) == outcome(compiled.carefully, recipient)
    assert "too large" in str(outcome(compiled.compose, recipient))


def test_a_copy_does_not_change_the_next_one() -> None:
    compiled = compile_content(make_source())
    first, second = make_recipient({"first_name": "Ana"}), make_recipient({})
    made = compiled.compose(first)
    compiled.compose(second)
    assert compiled.compose(first) == made
