"""One bad message among fifty: the others are handled, it itself is too or is set aside, and nobody waits for it."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.inbound.models import Finding, InboundMessage, Stage
from campaigns.inbound.rules import services as rules_services
from campaigns.inbound.rules.matching import Condition, How, Part
from campaigns.inbound.rules.models import Act, Proof
from campaigns.inbound.rules.services import Written
from tests.factories import make_operator
from tests.inbound.effects.factories import answer, handle, make_answered, stages, store
from tests.inbound.mails import bounce_address, dsn, letter, token

GOOD = 3


def _of(delivery: Delivery, head: bytes, body: bytes) -> bytes:
    """A report for that delivery with a field or text of the attacker's."""
    raw = dsn(bounce_address(delivery), "reader@example.org")
    return raw.replace(b"Subject: Undelivered", head + b"Subject: Undelivered").replace(
        b"Diagnostic-Code: smtp;", b"Diagnostic-Code: smtp; " + body
    )


def _typed(delivery: Delivery, kind: bytes, body: bytes) -> bytes:
    raw = answer(delivery, text="TEXT", number=len(kind) * 1000 + len(body))
    return raw.replace(b"text/plain; charset=utf-8", kind).replace(b"TEXT", body)


NASTY: dict[str, Callable[[Delivery], bytes]] = {
    "zero bytes everywhere": lambda it: _of(it, b"X-A: \0\0\r\n", b"550 5.1.1 \0 user\0 unknown").replace(
        b"reader@example.org", b"rea\0der@example.org"
    ),
    "zero bytes in an answer": lambda it: answer(it, text="a\0b", more="Subject: \0\n", number=11),
    "a zero byte in encoded words": lambda it: answer(
        it, more="Subject: =?utf-8?q?a=00b?=\nFrom: =?utf-8?b?AAAA?= <a@b.example>\n", number=12
    ),
    "half a pair in UTF-7": lambda it: _typed(it, b"text/plain; charset=utf-7", b"+2AA- +3wA- +AAA-"),
    "half a pair in escapes": lambda it: _typed(it, b"text/plain; charset=unicode_escape", b"\xff \\ud800"),
    "half a pair in raw escapes": lambda it: _typed(
        it, b"text/plain; charset=raw_unicode_escape", b"\xff \\udfff"
    ),
    "half a pair in UTF-16": lambda it: _typed(it, b"text/plain; charset=utf-16", b"\xff\xfe\x00\xd8"),
    "half a pair in an address": lambda it: dsn(bounce_address(it), "reader@example.org").replace(
        b"Final-Recipient: rfc822; ", b"Final-Recipient: utf-8; \\x{D800}\\x{0}\\x{A}"
    ),
    "half a pair in words": lambda it: answer(it, more="From: =?utf-7?q?+2AA-?= <a@b.example>\n", number=13),
    "references in HTML": lambda it: _typed(it, b"text/html", b"&#0; &#xD800; &#1114112; &#xFFFF;"),
    "codecs that are no charsets": lambda it: _typed(it, b"text/plain; charset=zlib_codec", b"\xff" * 90),
    "a charset that does not exist": lambda it: _typed(it, b'text/plain; charset="\\0../x"', b"\xff" * 91),
    "a charset of names": lambda it: _typed(it, b"text/plain; charset=idna", b"\xff" + b"a." * 9000),
    "dates that are none": lambda it: answer(it, more="Date: 99 Foo 99999999999999999999 99:99:99 +9999\n"),
    "numbers beyond 64 bits": lambda it: _of(
        it, b"X-A: 9\r\n", b"550 5.1.1 " + b"9" * 5000 + b" unknown"
    ).replace(b"Status: 5.1.1", b"Status: 5.99999999999999999999.18446744073709551616"),
    "words that are too long": lambda it: _of(it, b"From: " + b"x" * 9000 + b"\r\n", b"550 " + b"y" * 9000),
    "an address that is too long": lambda it: dsn(bounce_address(it), "r" * 5000 + "@example.org"),
    "a subject of a megabyte": lambda it: answer(it, more=f"Subject: {'z' * 1_000_000}\n", number=14),
    "one line of ten megabytes": lambda it: answer(it, text="w" * 9_900_000, number=15),
    "ids that are none": lambda it: answer(it, more="References: " + "<a@b> " * 4000 + "\n", number=16),
    "line ends of all kinds": lambda it: answer(it, number=17).replace(b"\r\n", b"\r"),
    "base64 of nothing": lambda it: _typed(
        it, b"text/plain\r\nContent-Transfer-Encoding: base64", base64.b64encode(b"\0" * 9000)
    ),
    "an unsubscribe from everywhere": lambda it: letter(
        f"unsub+{token(it, Purpose.UNSUBSCRIBE)}@news.example", "\0\udcff@x".encode("utf-8", "replace").decode()
    ),
    "nothing": lambda _it: b"",
    "not a message": lambda _it: bytes(range(256)) * 40,
}  # fmt: skip


def make_rule() -> None:
    condition = Condition(Part.SUBJECT, How.CONTAINS, "hello")
    written = Written("Any", (condition,), Proof.SIGNATURE, Act.UNSUBSCRIBE)
    rules_services.create(written, by=make_operator(), now=clock.now())


@pytest.mark.parametrize("name", NASTY)
def test_a_message_made_to_break_something_is_handled_like_any_other(each_database: Flask, name: str) -> None:
    delivery = make_answered()
    make_rule()
    good = [dsn("bounce@news.example", f"r{each}@example.org") for each in range(GOOD)]
    ids = [store(raw) for raw in (good[0], NASTY[name](delivery), *good[1:])]
    handle(ids)
    assert stages(ids) == [Stage.HANDLED] * len(ids)
    attempts = sa.select(InboundMessage.attempts).where(InboundMessage.id.in_(ids))
    assert set(db.session.scalars(attempts)) == {1}, "nothing went wrong on the way"


def test_many_findings_of_nobody_are_not_kept(each_database: Flask) -> None:
    """Anybody may send a thousand such reports."""
    delivery = make_answered()
    others = "".join(
        f"Final-Recipient: rfc822; r{each}@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        for each in range(400)
    )
    raw = dsn(bounce_address(delivery), "reader@example.org")
    place = b"Final-Recipient:"
    handle([store(raw.replace(place, others.encode() + place))])
    found = db.session.scalars(sa.select(Finding)).all()
    assert [each.delivery_id for each in found if each.delivery_id] == [delivery.id]
    assert len(found) < 30
