"""Domains that are one receiver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail.domains import group_at, group_of, group_of_exchanger


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("gmail.com", "gmail.com"),
        ("GoogleMail.com", "gmail.com"),
        ("hotmail.co.uk", "outlook.com"),
        ("live.com", "outlook.com"),
        ("msn.com", "outlook.com"),
        ("aol.com", "yahoo.com"),
        ("ymail.com", "yahoo.com"),
        ("yahoo.co.jp", "yahoo.co.jp"),  # another company
        ("me.com", "icloud.com"),
        ("web.de", "gmx.net"),
        ("firma.example", "firma.example"),
        ("Müller.example", "xn--mller-kva.example"),
        ("gmail.com.", "gmail.com"),
    ],
)
def test_known_domains_share_a_group(domain: str, group: str) -> None:
    assert group_of(domain) == group


@given(st.text(max_size=80))
def test_any_text_has_a_group_that_is_its_own_group(text: str) -> None:
    assert group_of(group_of(text)) == group_of(text)


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("aspmx.l.google.com.", "gmail.com"),
        ("alt1.gmail-smtp-in.l.google.com", "gmail.com"),
        ("SMTP.GOOGLE.COM", "gmail.com"),
        ("firma-example.mail.protection.outlook.com.", "protection.outlook.com"),
        ("hotmail-com.olc.protection.outlook.com.", "outlook.com"),
        ("mta5.am0.yahoodns.net.", "yahoo.com"),
        ("mx01.mail.icloud.com.", "icloud.com"),
        ("mx1.hoster.example", "hoster.example"),
        ("mx.firm.co.uk", "firm.co.uk"),
        ("localhost", "localhost"),
    ],
)
def test_a_mail_exchanger_tells_who_receives(host: str, group: str) -> None:
    assert group_of_exchanger(host) == group


def test_a_firm_belongs_to_whoever_receives_its_mail() -> None:
    assert group_at("firma.example", ["aspmx.l.google.com.", "mx.firma.example."]) == group_of("gmail.com")
    assert group_at("firma.example", []) == "firma.example"
    assert group_at("hotmail.com", ["mx.firma.example."]) == "outlook.com", "what is known needs no look-up"
