"""Whole messages: their structure, their ids, and the last look before they leave."""

import email
import email.policy
from datetime import UTC, datetime

import pytest

from campaigns.mail import message, quoted_printable
from campaigns.mail.headers import HeaderInjection

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def make_notice(**changes):
    facts = {
        "from_": ("Columba", "columba@example.org"),
        "to": "ada@example.org",
        "subject": "Sign in again",
        "text": "Grüße\nFrom us\n",
        "message_id": "<abc@example.org>",
        "date": NOW,
    }
    return message.build_notice(**{**facts, **changes})


def read(raw: bytes):
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_a_notice_is_plain_text_that_asks_for_no_answer() -> None:
    mail = read(make_notice())
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content() == "Grüße\r\nFrom us\r\n"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert mail["Date"].datetime == NOW
    assert mail["From"].addresses[0].display_name == "Columba"


def test_a_notice_with_html_puts_the_text_first() -> None:
    mail = read(make_notice(html="<p>Grüße</p>\n"))
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_every_message_has_each_field_once_and_crlf_everywhere() -> None:
    raw = make_notice(html="<p>x</p>")
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    names = [name.lower() for name in read(raw).keys()]  # noqa: SIM118
    assert len(names) == len(set(names))


def test_content_that_holds_the_boundary_does_not_close_its_part() -> None:
    text = "x\n--" + message.boundary_for("") + "--\n"
    made = message.frame(["From: a@example.org\r\n"], [], [], boundary=message.boundary_for(""))
    parts = list(read(made.joined("", quoted_printable.body(text), quoted_printable.body(text))).iter_parts())
    assert [part.get_content().replace("\r\n", "\n") for part in parts] == [text, text]


@pytest.mark.parametrize("value", ["abc@example.org", "<a b@example.org>", "<a@example.org>\r\nX: y", "<@>"])
def test_what_is_no_message_id_is_refused(value: str) -> None:
    with pytest.raises(HeaderInjection):
        make_notice(message_id=value)


@pytest.mark.parametrize(
    "block",
    [
        "From: a\r\nTo: b\r\nBcc: c\r\n",
        "From: a\r\n",
        "From: a\nTo: b\r\n",
        "From: a\r\nTo: b\r\n\r\n",
        "From: a\r\nTo: b",
        "From: a\r\nTo: b\r\nstray\r\n",
        "From: a\r\nTo: " + "b" * 1000 + "\r\n",
        "To: b\r\nFrom: a\r\n",
    ],
)
def test_a_header_block_with_anything_unexpected_is_refused(block: str) -> None:
    message.check_block("From: a\r\nTo: b\r\n c\r\n", ("From", "To"))
    with pytest.raises(HeaderInjection):
        message.check_block(block, ("From", "To"))


def test_a_signer_sees_the_finished_bytes_and_its_fields_stand_first() -> None:
    seen = []

    def sign(block: bytes, body: bytes) -> bytes:
        seen.append((block, body))
        return b"DKIM-Signature: v=1\r\n"

    made = message.frame(["From: a@example.org\r\n"], ["To"], [], boundary="=_x")
    raw = made.joined("To: b@example.org\r\n", "t\r\n", "h\r\n", sign=sign)
    [(block, body)] = seen
    assert raw == b"DKIM-Signature: v=1\r\n" + block + b"\r\n" + body
    assert body.startswith(b"--=_x")
