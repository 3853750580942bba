"""Texts that differ only in names and numbers have one shape; what they say and their codes tell them apart."""

from __future__ import annotations

import pytest

from campaigns.inbound.effects.shapes import plain, shape_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.1.1 <ann@a.example> No such user", "550 5.1.1 <bob@b.example>  no such USER"),
        ("550 host mx1.a.example said: box 17 is full", "550 host mx2.b.example said: box 18 is full"),
        ("421 see https://a.example/x?y=1 (abc123def)", "421 see https://b.example/z (9f)"),
    ],
)
def test_names_and_numbers_make_no_difference(one: str, other: str) -> None:
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.1.1 No such user", "550 5.2.1 No such user"),
        ("550 No such user", "450 No such user"),
        ("550 No such user", "550 No such host"),
    ],
)
def test_words_and_codes_do(one: str, other: str) -> None:
    assert shape_of(one) != shape_of(other)


def test_nothing_of_a_person_is_left_in_it() -> None:
    assert plain("550 <ann@a.example>: box of ann@a.example at mx.a.example full") == "550 box of at full"
