"""Emails made to break what reads them are refused with a reason, or sent; either way soon."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from campaigns.content import rendering
from campaigns.content.compiled.compiling import Recipient, compile_content
from campaigns.content.documents import mjml
from campaigns.content.documents.errors import DocumentError
from campaigns.content.formats import Format
from campaigns.content.language.merge_text import ContentError
from campaigns.core.errors import Invalid
from tests.content.hostile import Hostile, emails
from tests.content.samples import make_source
from tests.lengths import first
from tests.patterns.clock import at_most_cpu_s

LONGEST_S = 2  # of processor time
PLACE = rendering.Place("en", "https://news.example.org")
READER = Recipient(
    *("Zoë", "zoe@example.org", {"a": "b", "items": ["a", "b"]}, "<a@example.org>"),
    *(datetime(2026, 12, 1, tzinfo=UTC), "t", "u", "v"),
)
EMAILS = list(emails())


def html_of(email: Hostile) -> str:
    if email.format == "mjml":
        return mjml.html_of(email.text)
    if rendering.is_rendered(email.format):
        return rendering.rendered(email.format, email.text, place=PLACE)
    return email.text


def test_there_are_three_hundred_of_thirty_kinds() -> None:
    assert len({email.name for email in EMAILS}) == len(EMAILS) >= 300
    assert len({email.name.rsplit(" ", 1)[0] for email in EMAILS}) >= 30


@pytest.mark.parametrize("email", first(34, EMAILS, ids=lambda email: email.name))
def test_an_email_is_refused_with_a_reason_or_sent_soon(email: Hostile) -> None:
    with at_most_cpu_s(LONGEST_S):
        try:
            raw = compile_content(make_source(html=html_of(email))).compose(READER)
        except DocumentError as refused:
            assert str(refused)
            return
        except ContentError as refused:
            assert str(refused.reason) and refused.where in ("html", "written")
            if email.format is Format.HTML:
                assert refused.line is None or 1 <= refused.line <= _lines(email.text)
            return
        except Invalid as refused:
            assert str(refused) and refused.field
            return
    assert raw.endswith(b"--\r\n") and max(map(len, raw.split(b"\r\n"))) <= 998
    if email.format is Format.DOCUMENT:
        assert b"<script" not in raw


def _lines(text: str) -> int:
    """With those that the app puts around a part of a page."""
    return len(re.findall("\r\n?|\n", text)) + 12
