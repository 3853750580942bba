"""From name and Reply-To with merge tags: rendered for each recipient, safe in a header whatever a field holds."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content.compiled import sender
from campaigns.content.compiled.compiling import Recipient, compile_content, preview_content
from campaigns.content.compiled.source import Source
from campaigns.content.language.merge_text import ContentError
from campaigns.mail import message
from tests.content.samples import make_source

NAME = '{{ company | default("Columba") }} news'
ANSWERS = '{{ manager | default("desk@example.org") }}'


def raw_for(source: Source, **values: Any) -> bytes:
    recipient = Recipient(
        to_name="",
        to_address="reader@example.org",
        values=values,
        message_id="<1@example.org>",
        date=datetime(2026, 12, 1, tzinfo=UTC),
        track_token="t",
        unsubscribe_token="u",
        view_token="v",
    )
    return compile_content(source).compose(recipient)


def sent(source: Source, **values: Any) -> EmailMessage:
    read = message_from_bytes(raw_for(source, **values), policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def from_of(source: Source, **values: Any) -> tuple[str, str]:
    (found,) = sent(source, **values)["From"].addresses
    return found.display_name, found.addr_spec


def test_a_person_sees_the_name_made_of_their_own_field() -> None:
    source = make_source(from_name=NAME, from_address="loft@example.org")
    assert from_of(source, company="Acme") == ("Acme news", "loft@example.org")
    assert from_of(source) == ("Columba news", "loft@example.org")


@pytest.mark.parametrize(
    "company", ["Müller & Söhne", "鸽子邮局", 'Bold "B" <x@evil.example>', "a, b; c@d", "=?utf-8?q?x?="]
)
def test_a_name_that_is_no_plain_text_reads_as_it_was_typed(company: str) -> None:
    source = make_source(from_name="{{ company }}", from_address="loft@example.org")
    assert raw_for(source, company=company).partition(b"\r\n\r\n")[0].isascii()
    assert from_of(source, company=company) == (company, "loft@example.org")


def test_a_name_without_anything_visible_is_the_one_of_people_without_fields() -> None:
    source = make_source(from_name='{{ company | default("Columba") }}')
    assert from_of(source, company="\u202e\u200e \r\n")[0] == "Columba"
    assert from_of(make_source(from_name="{{ company }}"), company=" ")[0] == ""


def test_a_long_name_is_cut() -> None:
    name = from_of(make_source(from_name="{{ company }}"), company="é" * 5000)[0]
    assert name.replace(" ", "") == "é" * sender.LONGEST_NAME  # Python leaves the folds in


def test_answers_go_to_the_address_in_a_persons_field() -> None:
    source = make_source(reply_to=ANSWERS)
    assert str(sent(source, manager="zoe@example.com")["Reply-To"]) == "zoe@example.com"
    assert str(sent(source, manager=" zoe@BÜCHER.example\n")["Reply-To"]) == "zoe@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "manager",
    [
        "",
        "Zoe",
        "a@b.example, c@d.example",
        "zoe@example.com\r\nBcc: all@example.com",
        "zoë@example.com",
        "<z@e.example>",
        7,
    ],
)
def test_a_field_that_is_no_address_gives_way_to_the_fallback_of_the_tag(manager: Any) -> None:
    read = sent(make_source(reply_to=ANSWERS), manager=manager)
    assert read.get_all("Reply-To") == ["desk@example.org"]
    assert read["Bcc"] is None


def test_without_a_fallback_answers_go_to_the_senders_address() -> None:
    source = make_source(reply_to="{{ manager }}", from_address="loft@example.org")
    assert str(sent(source, manager="nobody")["Reply-To"]) == "loft@example.org"


def test_the_preview_shows_what_is_sent() -> None:
    source = make_source(from_name=NAME, reply_to=ANSWERS)
    for values in (
        {"company": "Acme", "manager": "zoe@example.com"},
        {"company": "\u200f", "manager": "x"},
        {},
    ):
        shown, read = preview_content(source, values), sent(source, **values)
        assert shown.from_name == read["From"].addresses[0].display_name
        assert shown.reply_to == str(read["Reply-To"])


def test_the_tags_count_among_those_of_the_message() -> None:
    assert {"company", "manager"} <= compile_content(make_source(from_name=NAME, reply_to=ANSWERS)).fields


def test_without_tags_from_and_reply_to_are_made_once_for_all_copies() -> None:
    compiled = compile_content(make_source(reply_to="desk@example.org"))
    assert (compiled.sender.from_, compiled.sender.reply_to) == (None, None)
    assert compiled.frame.first.startswith("From: The Loft <")
    assert compiled.frame.last.startswith("Reply-To: desk@example.org\r\n")


def test_only_the_field_with_tags_is_made_for_each_copy() -> None:
    compiled = compile_content(make_source(from_name=NAME))
    assert compiled.frame.first == ""
    assert compiled.sender.reply_to is None


@pytest.mark.parametrize(
    ("changes", "where"), [({"from_name": "{{ 7*7 }}"}, "from_name"), ({"reply_to": "{{ x"}, "reply_to")]
)
def test_tags_that_can_not_be_parsed_are_refused(changes: dict[str, str], where: str) -> None:
    with pytest.raises(ContentError) as caught:
        compile_content(make_source(**changes))
    assert caught.value.where == where


@pytest.mark.parametrize(
    "text",
    ["{{ manager }}", "{{ manager | default('x@example.org') }}", "{{ name }}@example.org", "x@{{ domain }}"],
)
def test_an_address_of_tags_is_kept(text: str) -> None:
    assert sender.checked_reply_to(text) == text


@pytest.mark.parametrize("text", ["Call {{ name }}", "{{ a }}, {{ b }}", "{{ a", "{% if a %}x{% endif %}"])
def test_what_is_never_an_address_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        sender.checked_reply_to(text)


HOSTILE = st.text(
    st.one_of(
        st.characters(exclude_categories=("Cs",)),
        st.sampled_from('\r\n\t\0 "\\<>@,;:=?()[]\u2028\u202e\u0085{}%'),
    ),
    max_size=300,
)
COMPILED = compile_content(
    make_source(from_name="{{ company }} news", reply_to="{{ manager }}", from_address="loft@example.org")
)


@given(company=HOSTILE, manager=HOSTILE)
def test_no_field_adds_a_header_or_changes_the_address(company: str, manager: str) -> None:
    recipient = Recipient(
        to_name="",
        to_address="reader@example.org",
        values={"company": company, "manager": manager},
        message_id="<1@example.org>",
        date=datetime(2026, 12, 1, tzinfo=UTC),
        track_token="t",
        unsubscribe_token="u",
        view_token="v",
    )
    block = COMPILED.compose(recipient).partition(b"\r\n\r\n")[0]
    assert block.isascii()
    assert max(map(len, block.split(b"\r\n"))) <= message.LONGEST_LINE
    assert message.field_names(block.decode() + "\r\n") == COMPILED.frame.names
    assert b"<loft@example.org>\r\n" in block[: block.index(b"\r\nTo:") + 2]
    read = message_from_bytes(block, policy=policy.default)
    assert [each.addr_spec for each in read["From"].addresses] == ["loft@example.org"]
    assert len(read["Reply-To"].addresses) == 1


def test_a_line_that_is_the_same_for_everyone_is_made_once_whatever_it_is_written_with() -> None:
    compiled = compile_content(make_source(from_name="{# us #}The Loft", reply_to="{# us #}desk@example.org"))
    assert compiled.frame.first.startswith("From: The Loft <")
    assert compiled.frame.last.startswith("Reply-To: desk@example.org\r\n")
