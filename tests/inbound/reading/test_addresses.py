"""Addresses in texts and in the fields of reports."""

from __future__ import annotations

import pytest

from campaigns.inbound.reading import addresses
from campaigns.inbound.reading.addresses import all_in, typed


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<a@b.example>: user unknown", ["a@b.example"]),
        ("to a.b+c=d@b.example.", ["a.b+c=d@b.example"]),
        ("'a@b.example' and \"c@d.example\"", ["a@b.example", "c@d.example"]),
        ('"john doe"@b.example', ['"john doe"@b.example']),
        ("..dots..@phone.example", ["..dots..@phone.example"]),
        ("mailto:a@b.example?subject=x", ["a@b.example"]),
        ("a@[192.0.2.1] said", ["a@[192.0.2.1]"]),
        ("用户@例子.example 不存在", ["用户@例子.example"]),
        ("a@b.example a@b.example", ["a@b.example"]),
        ("@ @@ a@ @b x@localhost", []),
    ],
)
def test_addresses_are_found_in_a_text(text: str, found: list[str]) -> None:
    assert all_in(text) == found


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822;a@b.example", "a@b.example"),
        ("RFC822; <a@b.example> (Ann)", "a@b.example"),
        ("rfc822;a+2Btag@b.example", "a+tag@b.example"),
        ("rfc822;a+tag@b.example", "a+tag@b.example"),
        ("utf-8;\\x{7528}\\x{6237}@b.example", "用户@b.example"),
        ("a@b.example", "a@b.example"),
        ("unknown; a@b.example", "a@b.example"),
        ("rfc822; wb", "wb"),
        ("", ""),
    ],
)
def test_a_field_of_a_report_holds_an_address(value: str, address: str) -> None:
    assert typed(value) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("ana@corp.example", "ana@corp.example"),
        ("Ana <ana@corp.example>", "ana@corp.example"),
        ('"boss@corp.example" <eve@corp.example>', "eve@corp.example"),
        ('"boss@corp.example <" <eve@corp.example>', "eve@corp.example"),
        ("eve@corp.example (boss@corp.example)", "eve@corp.example"),
        ("=?utf-8?q?boss=40corp.example?= <eve@corp.example>", "eve@corp.example"),
        ("boss@corp.example <eve@corp.example>", ""),
        ("boss@corp.example, eve@corp.example", ""),
        ("<boss@corp.example> <eve@corp.example>", ""),
        ("Boss <boss@corp.example>, Eve <eve@corp.example>", ""),
        ("<eve@corp.example", ""),
        ('"boss@corp.example <eve@corp.example>', ""),
        ("boss@corp.example@eve.example", ""),
        ("<@relay.example:eve@corp.example>", ""),
        ("nobody", ""),
        ("", ""),
    ],
)
def test_an_author_is_one_mailbox_and_never_a_name(value: str, address: str) -> None:
    assert addresses.author(value) == address
