"""What is put where: parts, texts, the message that is given back, reports, and the ways back in it."""

from __future__ import annotations

from campaigns.inbound.reading.decoding import plain, text_of
from campaigns.inbound.reading.facts import read, ways
from campaigns.inbound.reading.fields import report


def test_a_text_ends_where_the_message_that_it_gives_back_begins() -> None:
    facts = read(
        b"From: x@y.example\n\nIt failed, we are sorry to say.\n\n--- copy ---\n\nReceived: from a by b\n"
        b"Message-ID: <1@s.example>\nTo: a@b.example\nSubject: News\n\nHello\n"
    )
    assert facts.text.strip() == "It failed, we are sorry to say.\n\n--- copy ---"
    assert facts.original.get("to") == "a@b.example"


def test_lines_that_tell_of_a_message_do_not_end_a_text() -> None:
    text = (
        b"From: x@y.example\n\nYour message\n\n  To: a@b.example\n  Subject: News\n\nfailed: user unknown\n"
    )
    assert "user unknown" in read(text).text


def test_html_is_read_where_there_is_no_text() -> None:
    markup = "<style>p{}</style><p>Not&nbsp;delivered to <a@b.example></p><br>550 &lt;unknown&gt;<script>x</script>"
    assert plain(markup).split() == ["Not", "delivered", "to", "<a@b.example>", "550", "<unknown>"]


def test_a_charset_is_believed_only_where_it_fits() -> None:
    assert text_of("не найден".encode(), "koi8-r") == "не найден"
    assert text_of("не найден".encode("koi8-r"), "koi8-r") == "не найден"
    assert text_of("用户不存在".encode("gb2312"), "") == "用户不存在"
    assert text_of("不在".encode("iso-2022-jp"), "us-ascii") == "不在"
    assert text_of("é".encode("latin-1"), "nonsense") == "é"


def test_a_report_is_read_however_it_is_divided() -> None:
    found = report(
        "Reporting-MTA: dns; mx\nFinal-Recipient: rfc822; a@b.example\nAction: failed\n"
        "Diagnostic-Code: smtp; 550 no\nsuch user\nFinal-Recipient: rfc822; c@d.example\n\nStatus: 5.2.2\n"
    )
    assert found.of_message == {"reporting-mta": "dns; mx"}
    assert [each["final-recipient"] for each in found.recipients] == [
        "rfc822; a@b.example",
        "rfc822; c@d.example",
    ]
    assert found.recipients[0]["diagnostic-code"] == "smtp; 550 no such user"
    assert found.recipients[1]["status"] == "5.2.2"


def test_ways_are_all_places_where_a_token_may_stand() -> None:
    facts = read(
        b"To: bounce+tok1@s.example\nDelivered-To: bounce+tok2@s.example\n"
        b"Received: from a by b for <bounce+tok3@s.example>; Mon\n"
        b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n"
        b"Original-Envelope-Id: tok4\n\nFinal-Recipient: rfc822;a@b.example\n\n"
        b"--x\nContent-Type: message/rfc822\n\nReturn-Path: <bounce+tok5@s.example>\nMessage-ID: <tok6@s.example>\n"
        b"X-Campaign: tok7\nList-Unsubscribe: <mailto:unsub+tok8@s.example>\n\nHello\n--x--\n"
    )
    found = " ".join(ways(facts))
    assert [number for number in range(1, 9) if f"tok{number}" not in found] == []
