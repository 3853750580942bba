"""The bounce domain on a sending domain's page: is mail for it received, and does SPF count there (A04, A05, S11)."""

from __future__ import annotations

import dataclasses
import json

import pytest
from flask import Flask

from campaigns.core import config as configuration
from campaigns.core.db import db
from campaigns.mail.errors import Unanswered
from campaigns.settings.domains import bounces, queries
from campaigns.settings.domains.records import Finding
from tests.factories import make_sender
from tests.fakes.name_server import NameServer
from tests.settings.domains import make_domain, zone_of

RELAXED, STRICT = "v=DMARC1; p=none; rua=mailto:a@b", "v=DMARC1; p=none; aspf=s; rua=mailto:a@b"
GOOD = {
    "example.com": ["v=spf1 a:mail.example.com ~all"],
    "bounce.example.com": ["v=spf1 redirect=example.com"],
    "_dmarc.example.com": [RELAXED],
}
ALIGNED, TOO_STRICT, OTHERS = (
    ("right", []),
    ("different", ["alignment_strict"]),
    ("different", ["alignment_other"]),
)
RECEIVED = {"bounce.example.com": ["10 mail.example.com."]}


def ask_there(app: Flask, dns: NameServer) -> None:
    app.extensions["columba"] = dataclasses.replace(configuration.current(), dns_server=dns.address)


def looked(
    pairs: list[tuple[str, str]],
    zone: dict[str, list[str]] = GOOD,
    received: dict[str, list[str]] = RECEIVED,
) -> dict[str, Finding]:
    found = bounces.look(pairs, lambda name: zone.get(name, []), lambda name: received.get(name, []))
    return {each.kind: each for each in found}


def alignment(author: str, domain: str, **records: str) -> tuple[str, list[str]]:
    zone = {f"_dmarc.{name.replace('_', '.')}": [text] for name, text in records.items()}
    found = looked([(author, domain)], zone)[bounces.ALIGNMENT]
    return found.state.value, found.remarks


def test_a_bounce_domain_with_its_records_is_right() -> None:
    found = looked([("example.com", "bounce.example.com")])
    assert {kind: each.state.value for kind, each in found.items()} == {
        "bounce_mx": "right",
        "bounce_spf": "right",
        "alignment": "right",
    }


def test_a_bounce_domain_that_nobody_receives_for_is_told() -> None:
    found = looked([("example.com", "bounce.example.com")], received={})
    assert (found["bounce_mx"].state.value, found["bounce_mx"].remarks) == ("missing", ["bounce_mx"])


def test_A04_a_bounce_domain_needs_an_spf_record_of_its_own() -> None:
    assert looked([("example.com", "bounce.example.com")], {})["bounce_spf"].state.value == "missing"
    assert "bounce_spf" not in looked([("example.com", "example.com")]), (
        "the domain's own is looked up anyway"
    )


@pytest.mark.parametrize(
    ("author", "domain", "records", "expected"),
    [
        ("example.com", "example.com", {"example_com": STRICT}, ALIGNED),
        ("example.com", "bounce.example.com", {"example_com": RELAXED}, ALIGNED),
        ("example.com", "bounce.example.com", {"example_com": STRICT}, TOO_STRICT),
        ("news.example.com", "bounce.example.com", {"example_com": RELAXED}, ALIGNED),
        ("news.example.com", "bounce.example.com", {"example_com": STRICT}, TOO_STRICT),
        ("news.example.com", "example.com", {"news_example_com": STRICT, "example_com": RELAXED}, TOO_STRICT),
        ("example.com", "bounce.example.com", {}, ALIGNED),
        ("example.com", "example.org", {"example_com": RELAXED, "example_org": RELAXED}, OTHERS),
        ("example.com", "example.org", {}, OTHERS),
        # An organization that says so with psd=n, and a registry that says so with psd=y.
        (
            "a.example.com",
            "b.example.com",
            {"a_example_com": RELAXED + "; psd=n", "example_com": RELAXED},
            OTHERS,
        ),
        ("a.bank", "bounce.a.bank", {"bank": RELAXED + "; psd=y", "a_bank": RELAXED}, ALIGNED),
        ("a.bank", "bounce.b.bank", {"bank": RELAXED + "; psd=y"}, OTHERS),
    ],
)
def test_A05_spf_counts_where_the_bounce_domain_is_aligned(author, domain, records, expected) -> None:
    assert alignment(author, domain, **records) == expected


def test_one_sender_that_is_not_aligned_is_enough_to_say_so() -> None:
    pairs = [("example.com", "bounce.example.com"), ("other.example", "bounce.example.com")]
    assert looked(pairs)[bounces.ALIGNMENT].remarks == ["alignment_other"]


def test_a_name_server_that_does_not_answer_is_told_and_nothing_is_asked_twice() -> None:
    asked: list[str] = []

    def texts(name: str) -> list[str]:
        asked.append(name)
        return GOOD.get(name, [])

    def silent(name: str) -> list[str]:
        raise Unanswered(name)

    found = bounces.look([("example.com", "bounce.example.com")], texts, silent)
    assert [each.state.value for each in found] == ["silent", "right", "right"]
    assert len(asked) == len(set(asked))


def test_S11_the_page_of_the_domain_says_what_its_bounce_domain_lacks(app, ada) -> None:
    domain = make_domain()
    make_sender("news@example.com", bounce_address="@bounce.example.com")
    make_sender("other@example.org", bounce_address="@bounce.example.org")
    page = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    assert "Bounce domain bounce.example.com" in page
    assert "v=spf1 redirect=example.com" in page
    assert "bounce.example.org" not in page
    zone = zone_of(domain) | {"example.com": GOOD["example.com"], "_dmarc.example.com": [STRICT]}
    with NameServer(zone) as dns:
        ask_there(app, dns)
        ada.post("/settings/sending-domains/1/check")
    page = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    assert "No mail server receives email for this domain" in page
    assert "The DMARC policy is strict for SPF (aspf=s)" in page
    with NameServer(zone_of(domain) | GOOD, exchangers=RECEIVED) as dns:
        ask_there(app, dns)
        ada.post("/settings/sending-domains/1/check")
    page = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    assert "No mail server receives email" not in page
    assert "so SPF counts for DMARC" in page
    assert "mail.example.com" in page


def test_the_command_checks_the_bounce_domain_too(app) -> None:
    domain = make_domain()
    make_sender("news@news.example.com", bounce_address="bounce@example.com")
    with NameServer(zone_of(domain) | GOOD, exchangers={"example.com": ["10 mail.example.com."]}) as dns:
        ask_there(app, dns)
        found = app.test_cli_runner().invoke(args=["domain", "check", "example.com", "--json"])
    records = {each["kind"]: each for each in json.loads(found.stdout)["records"]}
    assert records["bounce_mx"]["found"] == ["mail.example.com"]
    assert records["bounce_spf"]["state"] == "right"
    assert records["alignment"]["state"] == "right"


def test_bounce_domains_are_those_of_the_domains_senders(app) -> None:
    domain = make_domain()
    make_sender("news@example.com")
    make_sender("a@example.com", bounce_address="bounce@example.com")
    make_sender("b@news.example.com", bounce_address="@bounce.example.com")
    make_sender("c@notexample.com", bounce_address="@bounce.notexample.com")
    db.session.commit()
    assert queries.bounce_domains(domain) == [
        ("example.com", "example.com"),
        ("news.example.com", "bounce.example.com"),
    ]
