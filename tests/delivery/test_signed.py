"""Whatever leaves the app bears the signature of the domain it comes from (A01, A02), as captured on the wire."""

from __future__ import annotations

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.delivery import contents
from campaigns.delivery.lane import End
from campaigns.notices import services as notices
from campaigns.notices.jobs import send_notice
from campaigns.planning import preflight
from tests.delivery.factories import make_launched, send
from tests.factories import NOON, make_campaign, make_list, make_sender, make_server
from tests.fakes.smtp_server import SmtpServer
from tests.settings.domains import make_domain, verified, zone_of


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
        content = contents.content_of(make_launched(server, people=1))
    facts = {"delivery_id": 1, "wave": 1, "subscriber_id": 1, "email": "a@example.org", "date": NOON}
    first = content.compose(fields={"first_name": "Zoë"}, **facts)
    content.compose(fields={"first_name": "Ada"}, **facts)
    assert content.compose(fields={"first_name": "Zoë"}, **facts) == first
    assert first.startswith(b"DKIM-Signature:")


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
        notice = notices.post(
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
