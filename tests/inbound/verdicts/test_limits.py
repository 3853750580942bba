"""What costs as much as it can: parts, depth, heads, recipients, size. Each takes bounded work, told by calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns.inbound.reading import limits
from campaigns.inbound.verdicts.classify import classify, judge
from campaigns.inbound.verdicts.verdict import Kind
from tests.content.calls import calls
from tests.inbound.samples import samples

MOST_CALLS = 3_000_000
HEAD = b"From: MAILER-DAEMON@mx.example\nTo: us@sender.example\nSubject: failure notice\nReturn-Path: <>\n"


def _parts(number: int) -> bytes:
    part = b"--x\nContent-Type: text/plain\n\n<a@b.example>: 550 user unknown\n"
    return HEAD + b"Content-Type: multipart/mixed; boundary=x\n\n" + part * number + b"--x--\n"


def _levels(number: int) -> bytes:
    raw = b"Content-Type: text/plain\n\n<a@b.example>: 550 user unknown\n"
    for level in range(number):
        mark = b"b%d" % level
        raw = (
            b"Content-Type: multipart/mixed; boundary="
            + mark
            + b"\n\n--"
            + mark
            + b"\n"
            + raw
            + b"\n--"
            + mark
            + b"--\n"
        )
    return HEAD + raw


def _heads(number: int) -> bytes:
    return HEAD + b"".join(b"X-Header-%d: %s\n" % (each, b"v" * 100) for each in range(number)) + b"\nbody\n"


def _long_head(size: int) -> bytes:
    return HEAD + b"X-Long: " + b"a@b.example, " * (size // 13) + b"\n\nbody\n"


def _folded(lines: int) -> bytes:
    return HEAD + b"X-Long: a\n" + b" folded\n" * lines + b"\nbody\n"


def _groups(number: int) -> bytes:
    group = b"Final-Recipient: rfc822;p%d@b.example\nAction: failed\nStatus: 5.1.1\n\n"
    groups = b"".join(group % each for each in range(number))
    return (
        HEAD
        + b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n"
        + b"Reporting-MTA: dns; mx.example\n\n"
        + groups
        + b"--x--\n"
    )


def _report(groups: bytes, *, text: bytes = b"", number: int = 1, more: bytes = b"") -> bytes:
    """A report whose text says something of its recipients, with that many parts about them."""
    start = HEAD + b"Content-Type: multipart/report; boundary=x\n\n--x\n\n" + text
    part = b"\n--x\nContent-Type: message/delivery-status\n\n" + groups
    return start + part * number + more + b"\n--x--\n"


def _same(number: int, address: bytes = b"a@b.example") -> bytes:
    return b"Final-Recipient: rfc822; %s\nAction: failed\n\n" % address * number


def _others(number: int) -> bytes:
    return b"".join(_same(1, b"a%d@b.example" % each) for each in range(number))


WORDS = b"the mailbox or user does not exist here and is not known, quota over it is too\n" * 1200
ORIGINAL = b"\n--x\nContent-Type: message/rfc822\n\n" + (b"To: " + b"b@c.dd," * 1100 + b"\n") * 24
NAMED = b"".join(
    b"X-Failed-Recipients: " + b",".join([b"a%d@b.cc" % each] * 400) + b"\n" for each in range(40)
)


def _text(line: bytes, size: int) -> bytes:
    return HEAD + b"\n" + line * (size // len(line))


BOMBS: dict[str, Callable[[], bytes]] = {
    "10,000 parts": lambda: _parts(10_000),
    "200 levels": lambda: _levels(200),
    "100,000 fields in the head": lambda: _heads(100_000),
    "a field of 5 MB": lambda: _long_head(5_000_000),
    "a field of a million lines": lambda: _folded(1_000_000),
    "20,000 recipients": lambda: _groups(20_000),
    "addresses only": lambda: _text(b"a@b.example ", 5_000_000),
    "at signs only": lambda: _text(b"@", 2_000_000),
    "one word": lambda: _text(b"a", 2_000_000),
    "one word with dots": lambda: _text(b"a.", 2_000_000),
    "digits and dots": lambda: _text(b"5.1.", 2_000_000),
    "reply codes": lambda: _text(b"550 5.1.1 user unknown <a@b.example>\n", 2_000_000),
    "open tags": lambda: HEAD + b"Content-Type: text/html\n\n" + b"<style><" * 300_000,
    "brackets": lambda: _text(b"<(<(\"", 1_000_000),
    "a phrase's beginning": lambda: _text(b"mailbox user recipient ", 2_000_000),
    "30 MB": lambda: _text(b"Hello there, this is a long line of a person's answer.\n", 30_000_000),
    "encoded words": lambda: HEAD + b"Subject: " + b"=?utf-8?b?YQ==?= " * 100_000 + b"\n\n",
    "semicolons": lambda: HEAD + b"Content-Type: text/plain" + b";" * 1_000_000 + b"\n\n",
    "one recipient in 500 groups": lambda: _report(_same(500), text=(b"a@b.example\n" + b"x " * 2000 + b"\n") * 25),
    "500 recipients of whom one text speaks": lambda: _report(_others(500), text=WORDS),
    "reports in 100 parts": lambda: _report(_same(900), number=100),
    "local names and a long head": lambda: _report(_same(500, b"joe"), more=ORIGINAL),
    "recipients named in the head": lambda: NAMED + HEAD + b"\n" + WORDS,
    "beginnings of heads": lambda: _text(b"from: a\nto: b\n", 98_000),
    "at signs behind an address": lambda: HEAD + b"\n" + b"<a@b.cc>:\n" * 144 + b"@" * 90_000,
    "boundaries that are none": lambda: HEAD + b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--xx\n" * 500_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_message_that_costs_as_much_as_it_can_takes_bounded_work(name: str) -> None:
    raw = BOMBS[name]()
    judge(samples()[0].raw)  # the tables are loaded once
    assert calls(lambda: judge(raw)) < MOST_CALLS


def test_of_many_recipients_the_first_are_read() -> None:
    verdict = classify(_groups(20_000))
    assert verdict.kind is Kind.BOUNCE
    assert len(verdict.recipients) == limits.GROUPS


def test_of_many_complaints_in_one_report_the_first_are_read() -> None:
    fields = b"".join(b"Original-Rcpt-To: a%d@b.example\n" % each for each in range(4_000))
    start = HEAD + b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n--x\n"
    verdict = classify(start + b"Content-Type: message/feedback-report\n\n" + fields + b"\n--x--\n")
    assert verdict.kind is Kind.COMPLAINT
    assert len(verdict.recipients) == limits.ADDRESSES


def test_of_a_message_that_is_too_large_the_beginning_is_read() -> None:
    raw = HEAD + b"\n<a@b.example>: 550 5.1.1 user unknown\n\n" + b"x" * limits.WHOLE
    assert [each.address for each in classify(raw).recipients] == ["a@b.example"]


@pytest.mark.parametrize("raw", [b"", b"\n", b"\0" * 100, b":", b"From ", b"\r\r\r", b"--", b"\xff\xfe"])
def test_anything_gets_a_verdict(raw: bytes) -> None:
    assert classify(raw).kind is Kind.REPLY
