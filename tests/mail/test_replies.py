"""Whose fault is it? The table, row by row, with replies as servers really say them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.delivery.models import Reason
from campaigns.mail.protocol import (
    LONGEST_REPLY,
    Capabilities,
    MalformedReply,
    Phase,
    Reply,
    ReplyReader,
    command,
    path,
    stuffed,
)
from campaigns.mail.replies import Klass, Subject, classify
from tests.patterns.clock import at_most_cpu_s


@pytest.mark.parametrize(
    "word", ["exceeded ", "too many ", "limit ", "over quota ", "sending ", "account is "]
)
@pytest.mark.parametrize("code", [421, 452, 552])
def test_a_reply_as_long_as_may_be_is_soon_understood(code: int, word: str) -> None:
    with at_most_cpu_s(2):
        classify(Phase.RCPT, Reply(code, word * (LONGEST_REPLY // len(word))))


def read(text: str) -> Reply:
    return next(ReplyReader().feed(text.replace("\n", "\r\n").encode() + b"\r\n"))


@pytest.mark.parametrize(
    ("phase", "text", "klass"),
    [
        (Phase.RCPT, "550 5.1.1 <x@y.example>: user unknown", Klass.BAD_ADDRESS),
        (Phase.RCPT, "550 No such user here", Klass.BAD_ADDRESS),
        (Phase.RCPT, "550 5.7.1 User unknown", Klass.BAD_ADDRESS),
        (Phase.RCPT, "554 5.1.10 null MX", Klass.BAD_ADDRESS),
        (Phase.RCPT, "550 5.2.1 The account is disabled", Klass.DISABLED),
        (Phase.RCPT, "551 user not local", Klass.BAD_ADDRESS),
        (Phase.END, "550 5.1.1 no such mailbox", Klass.BAD_ADDRESS),
        (Phase.RCPT, "552 5.2.2 over quota", Klass.MAILBOX_FULL),
        (Phase.RCPT, "550 5.2.1 The mailbox is full: over quota", Klass.MAILBOX_FULL),
        (Phase.RCPT, "452 4.2.2 mailbox full", Klass.TEMPORARY),
        (Phase.RCPT, "451 4.7.1 Greylisted, come back in 5 minutes", Klass.GREYLIST),
        (Phase.RCPT, "450 4.7.1 please wait", Klass.GREYLIST),
        (Phase.RCPT, "450 4.2.1 slow down", Klass.TEMPORARY),
        (Phase.END, "454 4.7.0 Throttling failure: Maximum sending rate exceeded.", Klass.THROTTLE),
        (Phase.END, "451 4.7.28 unusual rate", Klass.RECEIVER),
        (Phase.END, "451 4.3.0 queue file write error", Klass.TEMPORARY),
        (Phase.RCPT, "450 4.4.1 host not responding", Klass.TEMPORARY),
        (Phase.END, "421 4.7.0 try again later, closing", Klass.SERVER),
        (Phase.MAIL, "421 too many connections", Klass.THROTTLE),
        (Phase.BANNER, "421 4.7.0 Too many concurrent SMTP connections", Klass.THROTTLE),
        (Phase.BANNER, "554 no SMTP service here", Klass.SERVER),
        (Phase.AUTH, "535 5.7.8 bad credentials", Klass.ACCOUNT),
        (Phase.AUTH, "454 4.7.0 temporary authentication failure", Klass.SERVER),
        (Phase.MAIL, "530 5.7.0 Authentication required", Klass.ACCOUNT),
        (Phase.MAIL, "553 5.7.1 Sender address rejected: not owned by user", Klass.ACCOUNT),
        (Phase.MAIL, "552 5.3.4 message size exceeds fixed limit", Klass.UNSENDABLE),
        (Phase.MAIL, "451 4.3.2 try later", Klass.THROTTLE),
        (Phase.RCPT, "550 5.7.1 blocked using zen.spamhaus.org", Klass.POLICY),
        (Phase.RCPT, "554 5.7.1 Service unavailable; Client host blocked", Klass.POLICY),
        (Phase.END, "550 5.7.26 unauthenticated mail", Klass.POLICY),
        (Phase.END, "550 5.7.515 access denied, sending domain does not pass DMARC", Klass.POLICY),
        (Phase.END, "554 message looks like spam", Klass.POLICY),
        (Phase.END, "552 5.3.4 message too big", Klass.POLICY),
        (Phase.RCPT, "503 5.5.1 bad sequence", Klass.PROTOCOL),
        (Phase.DATA, "501 syntax error", Klass.PROTOCOL),
        # We are not wanted as a client or sender: said at RCPT by servers that wait with it (Postfix does).
        (Phase.RCPT, "550 5.1.8 <b@x>: Sender address rejected: Domain not found", Klass.ACCOUNT),
        (Phase.RCPT, "550 5.1.7 bad sender", Klass.ACCOUNT),
        (Phase.END, "550 5.1.8 Access denied, bad outbound sender", Klass.ACCOUNT),
        (Phase.RCPT, "554 5.7.1 <a@x>: Relay access denied", Klass.ACCOUNT),
        (Phase.RCPT, "550 relay not permitted", Klass.ACCOUNT),
        (Phase.RCPT, "550 Sender verify failed", Klass.ACCOUNT),
        (Phase.RCPT, "550 authentication required", Klass.ACCOUNT),
        (Phase.RCPT, "553 sorry, that domain isn't in my list of allowed rcpthosts", Klass.ACCOUNT),
        # Our allowance is used up: nobody's mailbox.
        (Phase.END, "550 5.4.5 Daily user sending quota exceeded", Klass.QUOTA),
        (Phase.END, "550 Daily sending quota exceeded", Klass.QUOTA),
        (Phase.MAIL, "550 5.4.5 Daily sending limit exceeded", Klass.QUOTA),
        (Phase.RCPT, "552 5.2.2 sending to this mailbox: over the limit of its quota", Klass.MAILBOX_FULL),
        # "Recipient address rejected" is what Postfix says before any reason.
        (Phase.RCPT, "550 5.7.23 <a@x>: Recipient address rejected: SPF fail", Klass.POLICY),
        (Phase.RCPT, "554 5.7.1 <a@x>: Recipient address rejected: Access denied", Klass.POLICY),
        (Phase.RCPT, "550 5.4.1 Recipient address rejected: Access denied", Klass.BAD_ADDRESS),
        (Phase.RCPT, "450 4.2.0 please try again later", Klass.GREYLIST),
        (Phase.RCPT, "451 4.3.0 could not generate an id", Klass.TEMPORARY),
        (Phase.RCPT, "550 5.1.2 no such domain", Klass.BAD_DOMAIN),
        # One mailbox, whatever words its trouble shares with a server's.
        (Phase.RCPT, "450 4.2.1 mailbox temporarily disabled", Klass.TEMPORARY),
        (Phase.RCPT, "452 mailbox quota exceeded", Klass.TEMPORARY),
        (Phase.RCPT, "452 4.3.1 recipient mailbox is full", Klass.TEMPORARY),
        # What speaks of us, or says nothing, ends no address.
        (Phase.RCPT, "550 Administrative prohibition", Klass.POLICY),
        (Phase.RCPT, "550 Monthly credits exhausted", Klass.QUOTA),
        (Phase.RCPT, "550 Sending rate exceeded", Klass.THROTTLE),
        (Phase.RCPT, "550 Ip frequency limited", Klass.THROTTLE),
        (Phase.RCPT, "550 HELO should be a FQDN", Klass.ACCOUNT),
        (Phase.RCPT, "550 Must issue a STARTTLS command first", Klass.ACCOUNT),
        (Phase.RCPT, "550 Unable to verify sender", Klass.ACCOUNT),
        (Phase.RCPT, "550 #5.7.1 Your access to this mail system has been rejected", Klass.POLICY),
        (Phase.RCPT, "550 Recipient address rejected", Klass.POLICY),
        (Phase.RCPT, "551 forwarded elsewhere", Klass.POLICY),
        (Phase.RCPT, "550 5.0.0 rejected", Klass.POLICY),
        # Nobody's end: client and server did not understand each other.
        (Phase.MAIL, "503 5.5.1 Bad sequence of commands - pipelined after end of DATA", Klass.PROTOCOL),
        (Phase.RCPT, "554 5.5.1 Error: command out of sequence", Klass.PROTOCOL),
        (Phase.END, "554 SMTP synchronization error", Klass.PROTOCOL),
    ],
)
def test_each_reply_has_its_class(phase: Phase, text: str, klass: Klass) -> None:
    assert classify(phase, read(text)).klass is klass


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 blocked",
        "550 5.7.26 dmarc",
        "554 5.7.1 spam",
        "535 5.7.8 no",
        "550 5.1.8 Sender address rejected: Domain not found",
        "550 5.7.23 <a@x>: Recipient address rejected: SPF fail",
        "550 relay not permitted",
        "550 5.4.5 Daily sending quota exceeded",
        "550 Administrative prohibition",
        "550 Monthly credits exhausted",
        "550 Ip frequency limited",
        "551 not here",
        "503 5.5.1 bad sequence",
    ],
)
@pytest.mark.parametrize("phase", list(Phase))
def test_what_is_our_fault_never_suppresses_an_address(phase: Phase, text: str) -> None:
    assert not classify(phase, read(text)).is_hard


@given(phase=st.sampled_from(list(Phase)), code=st.integers(200, 599), text=st.text(max_size=60))
def test_every_reply_has_a_meaning_and_a_reason_that_the_ledger_knows(
    phase: Phase, code: int, text: str
) -> None:
    meaning = classify(phase, Reply(code, text))
    assert meaning.reason in set(Reason)
    assert not meaning.is_hard or meaning.klass is Klass.BAD_ADDRESS
    assert not meaning.is_final or meaning.subject in (Subject.RECIPIENT, Subject.CONTENT)


@given(phase=st.sampled_from(list(Phase)), text=st.text(max_size=60))
def test_only_a_code_or_words_about_the_address_make_a_hard_bounce(phase: Phase, text: str) -> None:
    for code in (550, 551, 553, 554):
        meaning = classify(phase, Reply(code, text))
        assert not meaning.is_hard or re.search(
            "unknown|no such|exist|found|account|local|valid|here|unavail", text.lower()
        )


@pytest.mark.parametrize("text", ["550 5.1.2 bad domain", "550 5.4.4 no such host"])
def test_a_domain_that_cannot_be_found_fails_the_mail_and_keeps_the_address(text: str) -> None:
    verdict = classify(Phase.RCPT, read(text))
    assert verdict.is_final
    assert not verdict.is_hard


def test_no_answer_to_the_end_is_a_doubt_and_anything_else_the_servers_fault() -> None:
    assert classify(Phase.END, None).klass is Klass.DOUBT
    assert classify(Phase.CONNECT, None).klass is Klass.SERVER


def test_a_contradicting_enhanced_code_loses_to_the_reply_code() -> None:
    assert classify(Phase.RCPT, read("450 5.1.1 come again")).klass is Klass.TEMPORARY


def test_a_reply_of_several_lines_is_one_reply_and_may_come_in_pieces() -> None:
    reader = ReplyReader()
    data = b"250-first\r\n250-second\r\n250 third\r\n354 go\r\n"
    found = [reply for byte in data for reply in reader.feed(bytes([byte]))]
    assert [(reply.code, reply.text) for reply in found] == [(250, "first\nsecond\nthird"), (354, "go")]


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b"25 ok\r\n", b"999 x\r\n", b"\x00\x01\r\n", b"2500 x\n"]
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedReply):
        list(ReplyReader().feed(data))


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1b[2J", "\x7f", "\x9b", "\t"])
def test_no_control_character_of_a_reply_gets_further(control: str) -> None:
    found = read(f"250-2.1.5 Ok{control}so\n250 far{control}")
    assert found.text.isprintable() or found.text.replace("\n", "").isprintable()
    assert found.text.split()[:2] == ["2.1.5", "Ok"]
    assert "so" in found.text
    assert len(found.text.split("\n")) == 2


@pytest.mark.parametrize("limit", ["9" * 5000, "²", "-1", "", "1k"])
def test_a_size_that_is_no_number_is_no_limit_S12(limit: str) -> None:
    assert Capabilities.parse(f"x\nSIZE {limit}\nDSN").size_limit is None


def test_an_endless_reply_is_cut() -> None:
    reader = ReplyReader()
    with pytest.raises(MalformedReply):
        for _ in range(2000):
            list(reader.feed(b"250-" + b"x" * 100 + b"\r\n"))


@example(b".starts with a dot\n.and so does this line")
@example(b".")
@given(st.binary(max_size=300))
def test_stuffed_bytes_come_back_as_they_were(body: bytes) -> None:
    message = body.replace(b"\r", b"").replace(b"\n", b"\r\n")
    wire = stuffed(message)
    assert wire.endswith(b".\r\n")
    assert b"\r\n.\r\n" not in wire[:-3]
    lines = wire[:-3].split(b"\r\n")
    undone = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    assert undone.removesuffix(b"\r\n") == message.removesuffix(b"\r\n")


@pytest.mark.parametrize("text", ["MAIL\r\nDATA", "RCPT\n", "X\x00", "X" * 600])
def test_a_command_holds_no_second_command(text: str) -> None:
    with pytest.raises(ValueError, match="command"):
        command(text)


@pytest.mark.parametrize(
    ("text", "limit"), [("SIZE 52428800", 52_428_800), ("size 10 20", 10), ("SIZE 0", None), ("SIZE", None)]
)
def test_a_size_that_is_offered_is_the_limit(text: str, limit: int | None) -> None:
    assert Capabilities.parse(f"mx.example.org\n{text}\nDSN").size_limit == limit


def test_an_empty_line_ends_no_list_of_capabilities() -> None:
    found = Capabilities.parse("mx.example.org\n8BITMIME\n\nCHUNKING\nAUTH PLAIN\nAUTH=LOGIN 7")
    assert {"8BITMIME", "CHUNKING", "AUTH"} <= found.keywords
    assert found.mechanisms >= {"PLAIN", "LOGIN"}
    assert found.size_limit is None, "a number behind AUTH is none"


def test_a_path_is_split_at_its_last_sign() -> None:
    assert path("") == ""
    assert path("a@b@example.org") == "a@b@example.org"
    assert path("zoë@bücher.example") == "zoë@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nobody", "not usable as a mail path"),
        ("@example.org", "not usable as a mail path"),
        ("ana@", "not usable as a mail path"),
        ("ana@example.org>\r\nRCPT TO:<x@y.example", "not usable as a mail path"),
        ("a" * 65 + "@example.org", "more than 64 octets before the @"),
        ("a" * 64 + "@" + ".".join(["b" * 60] * 4) + ".org", "longer than a mail path may be"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        path(address)


def test_the_last_line_of_a_long_reply_is_no_reply_of_its_own() -> None:
    """Short replies are remembered; what ends a longer one must not pass for it later."""
    assert read("250-first\n250 and the last one").text == "first\nand the last one"
    assert read("250 and the last one").text == "and the last one"
    assert read("250-first\n250 and the last one").text == "first\nand the last one"


def test_a_reply_may_be_nothing_but_its_code() -> None:
    assert read("250").text == ""
    assert read("250-\n250 ").text == "\n"


def test_bytes_that_are_no_text_are_replaced() -> None:
    found = next(ReplyReader().feed(b"550 5.1.1 \xff\xfe nobody\r\n"))
    assert (found.code, found.text) == (550, "5.1.1 \ufffd\ufffd nobody")


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"hello\r\n", "not an SMTP reply"), (b"250-x\r\n" * 20_000, "a reply longer than 64 KB")],
)
def test_a_reply_that_is_none_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(MalformedReply, match=f"^{re.escape(words)}$"):
        list(ReplyReader().feed(data))


def test_many_replies_together_are_not_one_long_reply() -> None:
    reader = ReplyReader()
    for _reply in range(200):
        assert len(list(reader.feed(b"250-" + b"x" * 500 + b"\r\n250 ok\r\n"))) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("NOOP\r\nRSET", "a control character in a command"), ("x" * 5000, "a command line that is too long")],
)
def test_what_is_no_command_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        command(text)


def test_a_command_line_may_be_as_long_as_the_limit() -> None:
    assert len(command("x" * 8, longest=10)) == 10
    with pytest.raises(ValueError, match="too long"):
        command("x" * 9, longest=10)
