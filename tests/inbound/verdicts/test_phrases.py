"""Phrases: what stands for what, and what doesn't."""

from __future__ import annotations

import pytest

from campaigns.inbound.verdicts.phrases import Phrase, Table, expanded, normal


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("mailbox full", "The mailbox is full."),
        ("mailbox full", "MAILBOX_FULL"),
        ("does not exist", "this account doesn't exist"),
        ("user ~ unknown", "User <a> is unknown"),
        ("blacklist*", "your IP was black-listed"),
        ("postfach ueberfuellt", "Postfach überfüllt!"),
        ("用户不存在", "错误:用户不存在。"),
        ("cannot find", "We can't find it"),
    ],
)
def test_a_phrase_is_found(phrase: str, text: str) -> None:
    assert Phrase(phrase).is_in(normal(text))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("full", "successfully delivered"),
        ("user unknown", "unknown user"),
        ("user ~ unknown", "user " + "x" * 60 + " unknown"),
        ("black", "blacklisted"),
    ],
)
def test_a_phrase_is_not_found(phrase: str, text: str) -> None:
    assert not Phrase(phrase).is_in(normal(text))


def test_choices_are_phrases_of_their_own() -> None:
    assert expanded("(a|b) c (d|e)") == ["a c d", "a c e", "b c d", "b c e"]


def test_the_row_that_stands_first_wins() -> None:
    table = Table([("sender", ["blocked"]), ("address", ["user unknown"])])
    assert table.find(normal("user unknown, blocked")) == "sender"
    assert table.find(normal("user unknown")) == "address"
    assert table.find(normal("hello")) is None
