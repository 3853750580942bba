"""Addresses that carry a token: read again after everything that gateways do to them, and never when forged."""

from __future__ import annotations

import base64
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core import mail_addresses, signing
from campaigns.core.mail_addresses import way_of, with_token
from campaigns.core.signing import Purpose
from tests.content.calls import calls

KEY = bytes(range(32))
SENT = (Purpose.BOUNCE, Purpose.MESSAGE, Purpose.UNSUBSCRIBE, Purpose.COMMAND, Purpose.RULE, Purpose.LOOPBACK)
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
numbers = st.integers(0, 2**63 - 1)
purposes = st.sampled_from(SENT)


def token(number: int = 4711, purpose: Purpose = Purpose.BOUNCE) -> str:
    return signing.sign_local(KEY, purpose, number)


@given(numbers, purposes)
def test_a_token_is_read_in_any_case_and_opens_only_what_it_was_made_for(
    number: int, purpose: Purpose
) -> None:
    made = token(number, purpose)
    assert re.fullmatch(r"[a-z2-7]+", made)
    for spelling in (made, made.upper(), made.title()):
        assert {each: signing.read_local(KEY, each, spelling) for each in Purpose} == {
            each: number if each is purpose else None for each in Purpose
        }
    assert signing.read_local(bytes(32), purpose, made) is None


@given(numbers)
def test_A11_no_local_part_is_longer_than_64_characters(number: int) -> None:
    longest = "b" * mail_addresses.LONGEST_BEFORE_PLUS
    for before in ("bounce", mail_addresses.UNSUBSCRIBE, mail_addresses.COMMAND, longest):
        assert len(with_token(f"{before}@example.com", token(number)).partition("@")[0]) <= 64


@given(numbers, purposes, st.data())
def test_A12_a_token_that_differs_by_one_bit_is_none_of_ours(number: int, purpose: Purpose, data) -> None:
    made = token(number, purpose)
    place = data.draw(st.integers(0, len(made) - 1))
    bit = data.draw(st.integers(0, 4))
    forged = made[:place] + LETTERS[LETTERS.index(made[place]) ^ 1 << bit] + made[place + 1 :]
    assert signing.read_local(KEY, purpose, forged) is None
    assert way_of(KEY, f"bounce+{forged}@example.com") is None


@given(st.text(max_size=80))
def test_A12_whatever_else_comes_is_none_of_ours(text: str) -> None:
    assert all(signing.read_local(KEY, purpose, text) is None for purpose in SENT)
    assert way_of(KEY, text) is None


@given(st.text(alphabet=LETTERS + string.ascii_uppercase + "+=<>@.", max_size=3000))
def test_A12_what_looks_like_tokens_is_none_of_ours(text: str) -> None:
    assert way_of(KEY, text) is None


def test_a_link_is_no_address_and_an_address_no_link() -> None:
    assert signing.read(KEY, Purpose.BOUNCE, token()) is None
    assert signing.read_local(KEY, Purpose.BOUNCE, signing.sign(KEY, Purpose.BOUNCE, 4711)) is None
    assert way_of(KEY, signing.sign(KEY, Purpose.SUBSCRIPTION, 4711)) is None


def test_the_letters_are_those_of_base32() -> None:
    for number in range(200):
        mac = token(number)[-16:]
        assert base64.b32encode(base64.b32decode(mac.upper())).decode().lower() == mac


T = token()
UPPER = T.upper()
CAME = [
    f"bounce+{T}@example.com",
    f"<bounce+{T}@example.com>",
    f"BOUNCE+{UPPER}@EXAMPLE.COM",
    f"<{T}@bounce.example.com>.",
    f'"bounce+{T}"@example.com',
    f"'bounce+{T}@example.com'",
    f"Return-Path: <bounce+{T}@example.com>",
    f"by mx.example.net (Postfix) with ESMTPS id 4ABCDEFGHIJKLMNOPQRSTUVWXYZ for <bounce+{T}@example.com>; Mon, 30",
    f"rfc822;bounce+2B{T}@example.com",
    f"bounce=2B{T}=40example.com",
    f"bounce+{T[:9]}=\r\n{T[9:]}@example.com",
    f"SRS0=h4Sh=TT=example.com=bounce+{T}@forwarder.example",
    f"srs1=AbCd=relay.example==h4sh=tt=example.com=bounce+{T}@forwarder.example",
    f"SRS0=3DHaSh=3DTT=3Dexample.com=3Dbounce+{T}@forwarder.example",
    f"SRS0=HHHH=TT=bounce.example.com={T}@forwarder.example",
    f"SRS0+HHHH=TT=bounce.example.com={UPPER}@forwarder.example",
    f"prvs=1234abcdef=bounce+{T}@example.com",
    f"prvs=01234ABCDEF={T}@bounce.example.com",
    f"btv1==1234abcdef==bounce+{T}@example.com",
    f"msprvs1=20000abcdefgh=bounce+{T}@example.com",
    f"bounce+{T}=example.com@lists.example",
    f"bounce{T}@example.com",  # without its plus
    f"bounce {T}@example.com",
    f"bounce%2B{T}%40example.com",
    f"mailto:unsub+{T}@example.com?subject=unsubscribe",
    f"<{T}@example.com>",
    T,
    f"Original-Envelope-Id: {UPPER}",
]


@pytest.mark.parametrize("text", CAME)
def test_A11_a_token_is_found_whatever_gateways_do_to_its_address(text: str) -> None:
    assert way_of(KEY, text) == (Purpose.BOUNCE, 4711)


@pytest.mark.parametrize("purpose", SENT)
def test_the_signature_tells_what_a_token_is_for_not_the_address(purpose: Purpose) -> None:
    assert way_of(KEY, f"bounce+{token(7, purpose)}@example.com") == (purpose, 7)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - set(SENT)))
def test_no_other_token_of_ours_is_a_way_back(purpose: Purpose) -> None:
    assert way_of(KEY, f"bounce+{token(7, purpose)}@example.com") is None


def test_a_token_is_found_behind_a_few_that_are_none() -> None:
    text = " ".join([*(f"<bounce+{'a' * size}@example.com>" for size in range(17, 27)), f"<{T}@example.com>"])
    assert way_of(KEY, text) == (Purpose.BOUNCE, 4711)


@pytest.mark.parametrize("text", ["a" * 10_000_000, " ".join(["a" * 31] * 100_000), "=\r\n" * 1_000_000])
def test_no_text_is_much_work(text: str) -> None:
    assert calls(lambda: way_of(KEY, text)) < 40_000


def test_a_bounce_address_takes_the_token_after_a_plus_or_as_its_local_part() -> None:
    assert with_token("bounce@example.com", "a2b") == "bounce+a2b@example.com"
    assert with_token("@bounce.example.com", "a2b") == "a2b@bounce.example.com"
    assert mail_addresses.domain_of("bounce@example.com") == "example.com"
    assert mail_addresses.domain_of("@bounce.example.com") == "bounce.example.com"
