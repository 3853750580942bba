"""Files as parts of a message: read back by Python's own parser as they went in."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail import headers, message, quoted_printable
from campaigns.mail.mime.parts import LONGEST_NAME, Part, clean_name

NAMES = st.text(max_size=300) | st.sampled_from(
    [
        *("Grüße.pdf", "报告 2026.xlsx", 'a"b.txt', "a\r\nBcc: x", "\u202efdp.exe"),
        *("../../etc/passwd", "x" * 400 + ".pdf", ""),
    ]
)
FILES = st.builds(
    Part,
    name=NAMES,
    kind=st.sampled_from(
        ["application/pdf", "image/png", "text/plain", "message/rfc822", "nonsense", "a/b\r\nX: y"]
    ),
    data=st.binary(max_size=400) | st.just(b"\r\n--=_x\r\n." * 20),
    content_id=st.sampled_from(["", "", "logo@example.com", "a.b+c@x.example"]),
)


def made(parts: list[Part], *, calendar: str = "") -> bytes:
    first = [headers.mailbox("From", "", "news@example.com")]
    frame = message.frame(first, ("To",), [], boundary=message.boundary_for("x"), parts=parts)
    own = headers.mailbox("To", "", "ana@example.net")
    body = quoted_printable.body
    return frame.joined(own, body("Text"), body("<p>HTML</p>"), calendar=calendar and body(calendar))


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)  # type: ignore[return-value]


@given(st.lists(FILES, max_size=5), st.sampled_from(["", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"]))
def test_whatever_is_attached_is_read_back_as_it_was(parts: list[Part], calendar: str) -> None:
    raw = made(parts, calendar=calendar)
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    mail = read(raw)
    assert not mail.defects
    assert mail.get_body(("plain",)).get_content() == "Text\r\n"
    assert mail.get_body(("html",)).get_content() == "<p>HTML</p>\r\n"
    found = [each for each in mail.walk() if each.get_content_disposition() is not None]
    assert not [each.defects for each in found if each.defects]
    expected = [each for each in parts if each.content_id] + [each for each in parts if not each.content_id]
    assert [each.get_filename() for each in found] == [clean_name(each.name) for each in expected]
    assert [each.get_payload(decode=True) for each in found] == [each.data for each in expected]
    assert [(each["Content-ID"] or "").strip("<>") for each in found] == [
        each.content_id for each in expected
    ]


@pytest.mark.parametrize(
    ("kinds", "nested"),
    [
        ("", ["multipart/alternative", "text/plain", "text/html"]),
        ("a", ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "image/png"]),
        ("i", ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]),
        (
            "ia",
            [
                *("multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html"),
                *("image/png", "image/png"),
            ],
        ),
    ],
)
def test_levels_are_nested_as_readers_expect_and_only_where_they_are_needed(
    kinds: str, nested: list[str]
) -> None:
    parts = [
        Part("a.png", "image/png", b"x", content_id="a@b.example" if kind == "i" else "") for kind in kinds
    ]
    assert [each.get_content_type() for each in read(made(parts)).walk()] == nested


def test_an_invitation_is_the_last_alternative() -> None:
    mail = read(made([], calendar="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"))
    kinds = [each.get_content_type() for each in mail.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    assert list(mail.iter_parts())[2].get_param("method") == "REQUEST"


def test_a_message_without_files_has_the_bytes_that_it_always_had() -> None:
    assert made([]).count(b"multipart/") == 1
    assert b"boundary=" in made([]).partition(b"\r\n\r\n")[0]


@given(NAMES)
def test_a_name_has_no_folder_no_control_and_no_end(name: str) -> None:
    kept = clean_name(name)
    assert 0 < len(kept) <= LONGEST_NAME
    assert not set(kept) & set("/\\\r\n\0\u202e\u2066")
    assert clean_name(kept) == kept


def test_a_long_name_keeps_its_ending() -> None:
    assert clean_name("x" * 400 + ".pdf").endswith("x.pdf")


def test_an_id_that_would_end_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match="Content-ID"):
        made([Part("a", "image/png", b"", content_id="a@b>\r\nBcc: c")])
