"""Domains that are one receiver."""

from __future__ import annotations

import dns.resolver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail.domains import group_of, group_of_exchanger, look_up


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


class Silent(dns.resolver.Resolver):
    """Name servers that are away."""

    def __init__(self) -> None:
        super().__init__(configure=False)

    def resolve(self, *_: object, **__: object) -> dns.resolver.Answer:
        raise dns.resolver.LifetimeTimeout(timeout=4, errors=[])


def test_no_answer_from_the_name_servers_is_no_group() -> None:
    assert look_up("firma.example", resolver=Silent()) is None


def test_a_well_known_domain_needs_no_lookup() -> None:
    assert look_up("hotmail.com", resolver=Silent()) == "outlook.com"
