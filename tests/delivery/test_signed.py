"""Whatever leaves the app bears the signature of the domain it comes from (A01, A02), as captured on the wire."""

from __future__ import annotations

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.ledger.outcomes import Facts
from campaigns.delivery.sender import composer
from campaigns.delivery.sender.lane import End
from campaigns.delivery.sender.store import Copy
from campaigns.mail.headers import HeaderInjection
from campaigns.notices import services as notices_services
from campaigns.notices.jobs import send_notice
from campaigns.planning import preflight
from tests.delivery.factories import make_launched, send
from tests.factories import NOON, make_campaign, make_list, make_sender, make_server
from tests.fakes.smtp_server import SmtpServer
from tests.settings.domains import make_domain, verified, zone_of


def make_copy(name: str, email: str = "a@example.org") -> Copy:
    facts = Facts(delivery_id=1, fence=1, attempts=0, doubts=0, started_at=NOON)
    claim = Claim(batch_id=1, campaign_id=1, wave=1, number=0, fence=1)
    return Copy(facts, claim, 1, email, {"first_name": name})


def test_A01_A02_H03_a_whole_campaign_verifies_as_it_came_over_the_wire(each_database: Flask) -> None:
    zone = zone_of(make_domain())
    with SmtpServer() as server:
        assert send(make_launched(server, people=30)) is End.NOTHING
    assert len(server.messages) == 30
    for _from, _to, raw in server.messages:
        assert list(verified(raw, zone).values()) == [True, True]
        assert b"list-unsubscribe-post:" in raw.partition(b"\r\nFrom:")[0].replace(b"\r\n  ", b"")


def test_A01_a_byte_changed_on_the_way_breaks_it(app: Flask) -> None:
    zone = zone_of(make_domain())
    with SmtpServer() as server:
        send(make_launched(server, people=1))
    raw = server.messages[0][2]
    for was, now in ((b"Hello", b"hello"), (b"One-Click", b"two-click"), (b"reader", b"leader")):
        assert was in raw
        head, rest = raw[: raw.index(b"\r\nFrom:")], raw[raw.index(b"\r\nFrom:") :]
        assert list(verified(head + rest.replace(was, now, 1), zone).values()) == [False, False]


def test_F14_another_attempt_is_the_same_to_the_byte(app: Flask) -> None:
    make_domain()
    with SmtpServer() as server:
        content = composer.content_of(make_launched(server, people=1))
    zoe, others = make_copy("Zoë"), [make_copy("Ada") for _number in range(11)]
    first = content.compose([zoe])
    assert content.compose([*others, zoe])[-1:] == first, "alone or among others"
    assert isinstance(first[0], bytes)
    assert first[0].startswith(b"DKIM-Signature:")


def test_who_can_have_no_mail_is_left_out_of_the_signing(app: Flask) -> None:
    zone = zone_of(make_domain())
    with SmtpServer() as server:
        content = composer.content_of(make_launched(server, people=1))
    made = content.compose([make_copy("Ada"), make_copy("Eve", "eve@x\r\nBcc: a"), make_copy("Zoë")])
    assert [type(each) for each in made] == [bytes, HeaderInjection, bytes]
    for raw in (made[0], made[2]):
        assert isinstance(raw, bytes)
        assert list(verified(raw, zone).values()) == [True, True]


def test_a_domain_whose_keys_wait_signs_nothing(app: Flask) -> None:
    make_domain(is_signing=False)
    with SmtpServer() as server:
        send(make_launched(server, people=1))
    assert b"DKIM-Signature" not in server.messages[0][2]


def test_the_apps_own_mails_are_signed(app: Flask) -> None:
    zone = zone_of(make_domain())
    with SmtpServer() as server:
        make_server(port=server.port, is_default=True)
        make_sender("news@example.com")
        notice = notices_services.post(
            MailText("Grüße", "Text.\n"), kind="reset", to="ada@example.com", now=clock.now()
        )
        db.session.commit()
        send_notice(notice.id)
    assert list(verified(server.messages[0][2], zone).values()) == [True, True]


def test_test_mails_are_signed(ada) -> None:
    zone = zone_of(make_domain())
    with SmtpServer() as server:
        wire = make_server(port=server.port, is_default=True)
        make_sender("news@example.com")
        campaign = make_campaign(lists=[make_list()])
        ada.post(f"/campaigns/{campaign.id}/test-mails", data={"to": "me@example.com"})
        ada.post(f"/settings/servers/{wire.id}/test-mail")
    assert len(server.messages) == 2
    for _from, _to, raw in server.messages:
        assert list(verified(raw, zone).values()) == [True, True]


def test_the_check_says_when_nobody_signs(app: Flask) -> None:
    def places(campaign) -> list[str]:
        return [finding.where for finding in preflight.of(campaign).look_at]

    make_sender("news@example.com")
    practice = make_server(is_practice=True)
    relay = make_server()
    campaign = make_campaign(lists=[make_list()], server_id=relay.id)
    assert "domains" in places(campaign)
    assert "domains" not in places(make_campaign(lists=[make_list()], server_id=practice.id))
    domain = make_domain()
    assert "domains" not in places(campaign)
    domain.findings = [{"kind": "dkim", "name": domain.keys[0].record_name, "state": "missing"}]
    assert "domains" in places(campaign)
