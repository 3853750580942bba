"""Sending domains: keys that are published and checked before they sign (A02, A03), and what DNS says (A04, A05)."""

from __future__ import annotations

import dataclasses
import json

import pytest
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.core import config as configuration
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, Misconfigured, NotFound
from campaigns.mail.dkim_records import Algorithm
from campaigns.mail.errors import Unanswered
from campaigns.mail.lookup import Resolver
from campaigns.settings.domains import page, queries, records, services, signing
from campaigns.settings.domains.models import DkimKey, KeyState, SenderDomain
from campaigns.settings.domains.records import Finding, State
from tests.factories import NOON, make_server
from tests.fakes.name_server import NameServer
from tests.settings.domains import make_domain, zone_of

GOOD = {
    "example.com": ["v=spf1 a:mail.example.com ~all"],
    "_dmarc.example.com": ["v=DMARC1; p=none; rua=mailto:a@b"],
}


def ask_there(app: Flask, dns: NameServer) -> None:
    app.extensions["columba"] = dataclasses.replace(configuration.current(), dns_server=dns.address)


def fresh(domain_id: int = 1) -> SenderDomain:
    db.session.rollback()
    db.session.expire_all()
    return queries.domain(domain_id)


def states(domain: SenderDomain) -> dict[str, str]:
    return {key.selector: key.state.value for key in domain.keys}


def publish(domain: SenderDomain, *algorithms: Algorithm) -> None:
    """As if a check had found the records of these keys."""
    keys = [key for key in domain.keys if key.algorithm in (algorithms or Algorithm)]
    services.record_check(domain, [Finding("dkim", key.record_name, State.RIGHT) for key in keys], now=NOON)
    db.session.commit()


# -- keys


def test_A02_A03_a_domain_gets_both_keys_that_wait_for_their_records(ada) -> None:
    answer = ada.post("/settings/sending-domains/new", data={"name": "Example.COM"})
    assert (answer.status_code, answer.location) == (303, "/settings/sending-domains/1")
    domain = fresh()
    assert (domain.name, domain.health) == ("example.com", "waiting")
    assert [(key.algorithm, key.state) for key in domain.keys] == [
        (Algorithm.RSA, KeyState.WAITING),
        (Algorithm.ED25519, KeyState.WAITING),
    ]
    shown = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    for key in domain.keys:
        assert key.record_name in shown
        assert key.record in shown
    assert signing.signer_for("news@example.com") is None


def test_A03_a_key_signs_once_its_record_is_found(app, ada) -> None:
    domain = make_domain(is_signing=False)
    with NameServer(zone_of(domain) | GOOD) as dns:
        ask_there(app, dns)
        ada.post("/settings/sending-domains/1/check")
    shown = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    assert "are signed" in shown
    domain = fresh()
    assert set(states(domain).values()) == {"signing"}
    assert domain.health == "signing"
    assert {each["state"] for each in domain.findings} == {"right"}
    signer = signing.signer_for("news@example.com")
    assert signer is not None
    assert [key.selector for key in signer.keys] == list(states(domain))


def test_A03_what_dns_says_is_told_per_record(app, ada) -> None:
    domain = make_domain(is_signing=False)
    rsa, ed25519 = domain.keys
    zone = {rsa.record_name: [ed25519.record], "example.com": ["google-site-verification=x"]}
    with NameServer(zone, silent=["_dmarc.example.com"]) as dns:
        ask_there(app, dns)
        found = records.look(signing.questions(domain), Resolver(dns.address, patience_s=1).texts)
    assert [(each.kind, each.state.value) for each in found] == [
        ("dkim", "different"),
        ("dkim", "missing"),
        ("spf", "missing"),
        ("dmarc", "silent"),
    ]
    services.record_check(domain, found, now=NOON)
    db.session.commit()
    entry = db.session.query(AuditEntry).filter_by(action="domain.checked").one()
    assert (entry.subject, entry.details) == (
        "example.com",
        {"records": 4, "verified": 0, "begins_to_sign": False},
    )
    shown = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    for text in (
        ed25519.record,
        rsa.record,
        "The published key is different",
        "DNS lookup failed",
        "Missing",
    ):
        assert text in shown
    assert signing.signer_for("news@example.com") is None


def test_A03_a_lost_record_of_a_signing_key_is_said_aloud(app, ada) -> None:
    domain = make_domain()
    with NameServer() as dns:
        ask_there(app, dns)
        ada.post("/settings/sending-domains/1/check")
    assert fresh().health == "unpublished"
    assert "Receivers can't verify your emails." in ada.get("/settings/sending-domains/1").get_data(
        as_text=True
    )
    assert queries.signature("news@example.com") == "unpublished"
    assert signing.signer_for(f"news@{domain.name}") is not None


def test_A03_new_keys_take_over_when_published_and_the_old_ones_stay_until_deleted(ada) -> None:
    domain = make_domain()
    first = [key.selector for key in domain.keys]
    assert ada.post("/settings/sending-domains/1/keys").status_code == 303
    domain = fresh()
    second = [key.selector for key in domain.keys][2:]
    assert len(set(first) | set(second)) == 4
    assert [key.selector for key in domain.signing_keys] == first
    publish(domain)
    domain = fresh()
    assert states(domain) == {**dict.fromkeys(first, "old"), **dict.fromkeys(second, "signing")}
    assert [key.selector for key in domain.signing_keys] == second
    shown = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    assert all(selector in shown for selector in (*first, *second))
    old = domain.keys[0].id
    assert ada.post(f"/settings/sending-domains/1/keys/{old}/delete").status_code == 303
    assert list(states(fresh())) == [first[1], *second]


def test_a_second_set_of_new_keys_waits_for_the_first(app) -> None:
    domain = make_domain(is_signing=False)
    with pytest.raises(Conflict):
        services.create_keys(domain, now=NOON)


def test_a_key_that_signs_is_not_deleted(ada) -> None:
    key_id = make_domain().keys[0].id
    ada.post(f"/settings/sending-domains/1/keys/{key_id}/delete")
    assert "This key is in use." in ada.get("/settings/sending-domains/1").get_data(as_text=True)
    assert len(fresh().keys) == 2


def test_A02_ed25519_waits_for_rsa_but_signs_where_it_is_the_only_key(app) -> None:
    both, alone = make_domain(is_signing=False), make_domain("alone.example", algorithms=[Algorithm.ED25519])
    publish(both, Algorithm.ED25519)
    assert both.signing_keys == []
    publish(both, Algorithm.RSA)
    assert [key.algorithm for key in both.signing_keys] == [Algorithm.RSA, Algorithm.ED25519]
    assert [key.algorithm for key in alone.signing_keys] == [Algorithm.ED25519]


def test_rsa_signs_while_the_other_record_is_missing(app) -> None:
    domain = make_domain(is_signing=False)
    publish(domain, Algorithm.RSA)
    assert [key.algorithm for key in domain.signing_keys] == [Algorithm.RSA]


@pytest.mark.parametrize(
    ("address", "signs"),
    [
        ("news@example.com", "example.com"),
        ("news@deep.down.Example.com", "example.com"),
        ("news@own.example.com", "own.example.com"),
        ("news@waiting.example.com", "example.com"),
        ("news@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("news@bücher.example", "xn--bcher-kva.example"),
        ("news@notexample.com", None),
        ("news@com", None),
        ("", None),
    ],
)
def test_a_mail_is_signed_by_its_own_domain_or_the_nearest_above(
    app, address: str, signs: str | None
) -> None:
    for name in ("example.com", "own.example.com", "bücher.example"):
        make_domain(name, algorithms=[Algorithm.ED25519])
    make_domain("waiting.example.com", algorithms=[Algorithm.ED25519], is_signing=False)
    found = queries.signing_domain(address)
    assert (found.name if found else None) == signs


def test_a_private_key_is_sealed_and_never_shown(app, ada) -> None:
    domain = make_domain()
    shown = ada.get("/settings/sending-domains/1").get_data(as_text=True)
    for key in domain.keys:
        assert b"PRIVATE" not in bytes(key.private_sealed)
        assert bytes(key.private_sealed).hex() not in shown
    assert "PRIVATE" not in shown
    app.extensions["columba"] = dataclasses.replace(configuration.current(), secret_key="a new key " * 5)
    with pytest.raises(Misconfigured, match="SECRET_KEY has changed"):
        signing.signer_for("news@example.com")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "localhost",
        "https://example.com",
        "exa mple.com",
        "192.0.2.1",
        "::1",
        "-a.com",
        "a_b.com",
        "x" * 300,
    ],
)
def test_what_is_no_domain_is_refused(ada, name: str) -> None:
    assert ada.post("/settings/sending-domains/new", data={"name": name}).status_code == 422
    assert queries.domains() == []
    with pytest.raises(Invalid):
        services.create_domain(name, now=NOON)


def test_a_domain_is_here_once(each_database: Flask) -> None:
    make_domain("bücher.example", algorithms=[Algorithm.ED25519])
    with pytest.raises(Conflict):
        services.create_domain("news@XN--bcher-kva.example", now=NOON)
    assert queries.domain_by_name("Bücher.example").id == 1


def test_a_deleted_domain_takes_its_keys_along(each_database: Flask) -> None:
    services.delete_domain(make_domain(algorithms=[Algorithm.ED25519]))
    db.session.commit()
    assert db.session.query(DkimKey).count() == 0
    with pytest.raises(NotFound):
        queries.domain(1)


def test_a_domain_is_deleted_on_its_page(ada) -> None:
    make_domain()
    assert ada.post("/settings/sending-domains/1/delete").location == "/settings/sending-domains"
    assert "No sending domains yet" in ada.get("/settings/sending-domains").get_data(as_text=True)


def test_only_admins_change_domains(ben, cleo) -> None:
    make_domain()
    for browser in (ben, cleo):
        assert browser.get("/settings/sending-domains").status_code == 200
        assert "Check now" not in browser.get("/settings/sending-domains/1").get_data(as_text=True)
        for path in ("new", "1/check", "1/keys", "1/keys/1/delete", "1/delete"):
            assert (
                browser.post(f"/settings/sending-domains/{path}", data={"name": "x.example"}).status_code
                == 403
            )
    assert len(fresh().keys) == 2


# -- DNS


def test_a_name_server_is_asked_for_exactly_that_name() -> None:
    long = "x" * 300
    with NameServer({"a.example": [long, "two"], "empty.example": []}, silent=["mute.example"]) as dns:
        resolver = Resolver(dns.address, patience_s=1.5)
        assert sorted(resolver.texts("a.example")) == ["two", long]
        assert resolver.texts("empty.example") == []
        assert resolver.texts("nowhere.example") == []
        assert resolver.texts(f"{long}.example") == []
        with pytest.raises(Unanswered):
            resolver.texts("mute.example")
        with pytest.raises(Unanswered):  # its patience is used up
            resolver.texts("mute.example")
    assert set(dns.asked) == {"a.example", "empty.example", "nowhere.example", "mute.example"}


def test_who_receives_for_a_domain_is_told_in_order_of_preference() -> None:
    exchangers = {"firm.example": ["20 b.mx.example.", "10 a.mx.example."], "none.example": ["0 ."]}
    with NameServer({"texts.example": ["v=spf1 -all"]}, exchangers=exchangers) as dns:
        resolver = Resolver(dns.address, patience_s=1.5)
        assert resolver.exchangers("firm.example") == ["a.mx.example.", "b.mx.example."]
        assert resolver.exchangers("none.example") == []
        assert resolver.exchangers("texts.example") == []
        assert resolver.exchangers("nowhere.example") == []


def test_nobody_at_the_name_servers_port_is_silence() -> None:
    with NameServer() as dns:
        pass
    with pytest.raises(Unanswered):
        Resolver(dns.address, patience_s=0.5).texts("a.example")


def spf(record: str | list[str], **zone: str) -> tuple[str, list[str]]:
    texts = {"example.com": [record] if isinstance(record, str) else record}
    texts |= {f"{name}.example": [text] for name, text in zone.items()}
    found = records.spf("example.com", lambda name: texts.get(name, []))
    return found.state.value, found.remarks


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", ("right", [])),
        ("V=SPF1 a mx include:one.example ~all", ("right", [])),
        ("v=spf1 redirect=one.example", ("right", [])),
        ("v=spf10 -all", ("missing", [])),
        ("v=spf1 all", ("different", ["spf_open"])),
        ("v=spf1 mx +all", ("different", ["spf_open"])),
        ("v=spf1 ptr ?all", ("different", ["spf_ptr"])),
        ("v=spf1 include:nowhere.example -all", ("different", ["spf_include"])),
        ("v=spf1 include:ring.example -all", ("different", ["spf_lookups"])),
        ("v=spf1 exists:%{i}.x.example -all", ("right", [])),
        ("v=spf1 " + "mx:a.example " * 10 + "-all", ("right", [])),
        ("v=spf1 " + "mx:a.example " * 11 + "-all", ("different", ["spf_lookups"])),
        (["v=spf1 -all", "v=spf1 mx -all"], ("different", ["spf_several"])),
        (["other=1"], ("missing", [])),
    ],
)
def test_A04_an_spf_record_is_one_that_receivers_can_use(record, expected) -> None:
    assert spf(record, one="v=spf1 -all", ring="v=spf1 include:ring.example -all") == expected


@pytest.mark.parametrize(
    ("record", "state", "remarks"),
    [
        ("v=DMARC1; p=none; rua=mailto:a@b", "right", []),
        ("v=DMARC1;p=reject;rua=mailto:a@b; np=reject; psd=n; t=y", "right", []),
        ("v=DMARC1; p=quarantine", "right", ["dmarc_reports"]),
        ("v=DMARC1; p=none; rua=mailto:a@b; pct=50", "right", ["dmarc_deprecated"]),
        ("v=DMARC1; p=none; rua=mailto:a@b; adkim=s", "right", ["dmarc_strict"]),
        ("v=DMARC1; p=maybe; rua=mailto:a@b", "different", ["dmarc_policy"]),
        ("v=DMARC2; p=none", "missing", []),
    ],
)
def test_A05_a_dmarc_record_has_a_policy_and_somebody_who_reads_reports(record, state, remarks) -> None:
    found = records.dmarc("example.com", lambda name: [record] if name == "_dmarc.example.com" else [])
    assert (found.state.value, found.remarks) == (state, remarks)


def test_A05_the_record_of_the_domain_above_holds_below() -> None:
    zone = {"_dmarc.example.com": ["v=DMARC1; p=reject; sp=none; rua=mailto:a@b"]}
    found = records.dmarc("news.example.com", lambda name: zone.get(name, []))
    assert (found.name, found.state, found.remarks) == ("_dmarc.example.com", State.RIGHT, ["dmarc_parent"])
    zone["_dmarc.example.com"] *= 2
    assert records.dmarc("news.example.com", lambda name: zone.get(name, [])).remarks == ["dmarc_several"]


def test_A05_a_very_long_name_asks_only_so_often() -> None:
    asked: list[str] = []
    records.dmarc(".".join("abcdefghijklmnop"), lambda name: asked.append(name) or [])
    assert len(asked) <= 9


def test_every_remark_has_a_sentence(app) -> None:
    remarks = [name for name, sentence in records.REMARKS.items() if len(str(sentence)) > 20]
    assert remarks == list(records.REMARKS)


def test_an_spf_record_is_suggested_for_servers_of_the_domain_only(app) -> None:
    make_server(host="smtp.example.com")
    domain = make_domain(algorithms=[Algorithm.ED25519])
    assert page.records_to_publish(domain)[1].value == "v=spf1 a:smtp.example.com ~all"
    make_server(host="smtp.provider.example")
    assert page.records_to_publish(domain)[1].value is None


# -- commands


def test_A03_a_domain_is_created_and_checked_by_commands(app: Flask) -> None:
    runner = app.test_cli_runner()
    made = runner.invoke(args=["domain", "create", "example.com", "--json"])
    assert made.exit_code == 0, made.output
    facts = json.loads(made.output)
    assert (facts["domain"], facts["is_signing"]) == ("example.com", False)
    keys = [each for each in facts["records"] if each["kind"] == "dkim"]
    assert all(max(map(len, each["strings"])) <= 255 for each in keys)
    with NameServer({each["name"]: [each["value"]] for each in keys}) as dns:
        ask_there(app, dns)
        checked = json.loads(runner.invoke(args=["domain", "check", "example.com", "--json"]).output)
        said = runner.invoke(args=["domain", "check", "example.com"]).output
    assert (checked["is_signing"], checked["health"]) == (True, "signing")
    assert [each["state"] for each in checked["records"]] == ["right", "right", "missing", "missing"]
    assert "mails are signed" in said


def test_a_command_for_an_unknown_domain_says_so(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["domain", "check", "nowhere.example"])
    assert result.exit_code == 1
    assert "nowhere.example" in result.output


@pytest.mark.parametrize("text", ["example.com:53", "192.0.2.1:x", "192.0.2.1:99999", "nonsense"])
def test_a_name_server_that_is_no_address_is_refused(tmp_path, text: str) -> None:
    with pytest.raises(configuration.ConfigError, match="DNS_SERVER"):
        configuration.from_env({"DATA_DIR": str(tmp_path), "DNS_SERVER": text})


@pytest.mark.parametrize(
    ("text", "address"), [("192.0.2.1", ("192.0.2.1", 53)), ("[2001:db8::1]:5353", ("2001:db8::1", 5353))]
)
def test_a_name_server_may_be_named(tmp_path, text: str, address: tuple[str, int]) -> None:
    assert configuration.from_env({"DATA_DIR": str(tmp_path), "DNS_SERVER": text}).dns_server == address
