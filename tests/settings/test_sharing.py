"""Which part a server takes beside others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.planning import preflight
from campaigns.planning.models import Campaign
from campaigns.settings import queries, sharing
from campaigns.settings.models import Server
from campaigns.settings.sharing import clean_domains
from tests.factories import NOON, make_campaign, make_server

FORM = {
    "name": "Second",
    "host": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "connections": "5",
}


def test_domains_are_kept_once_each_in_their_plain_form() -> None:
    assert clean_domains(" @Example.com, müller.example\nexample.com ") == "example.com xn--mller-kva.example"


@pytest.mark.parametrize("text", ["not a domain!", "a@b", "-x.example"])
def test_what_is_no_domain_is_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_domains(text)
    assert caught.value.field == "sender_domains"


def test_a_server_gets_its_share_and_its_domains_on_its_page(app: Flask, ada) -> None:
    server = make_server("Second", is_default=True)
    path = f"/settings/servers/{server.id}/edit"
    answer = ada.post(path, data={**FORM, "weight": "3", "sender_domains": "example.com\nexample.org"})
    assert answer.status_code == 303
    db.session.expire_all()
    found = queries.server(server.id)
    assert (found.weight, found.sender_domains) == (3, "example.com example.org")
    assert "example.com example.org" in ada.get(path).text
    assert "Weight 3" in ada.get("/settings/servers").text


def test_a_bad_domain_is_shown_at_its_field(app: Flask, ada) -> None:
    answer = ada.post("/settings/servers/new", data={**FORM, "sender_domains": "no domain!"})
    assert answer.status_code == 422
    assert "t a domain name" in answer.text
    assert db.session.query(Server).count() == 0


def test_the_site_says_how_long_to_try_and_whether_to_go_on(app: Flask, ada) -> None:
    site = queries.site()
    data = {"name": "Post", "postal_address": "", "language": "en", "time_zone": "UTC"}
    answer = ada.post("/settings/site", data={**data, "retry_hours": "48", "resumes_by_itself": "y"})
    assert answer.status_code == 303
    db.session.expire_all()
    site = queries.site()
    assert (site.retry_hours, site.resumes_by_itself) == (48, True)
    assert ada.post("/settings/site", data={**data, "retry_hours": "121"}).status_code == 422


def test_a_campaign_may_forbid_another_server_once_there_is_one(app: Flask, ben) -> None:
    campaign = make_campaign()
    make_server("First", is_default=True)
    path = f"/campaigns/{campaign.id}/edit"
    assert "Use fallback servers" not in ben.get(path).text
    make_server("Second")
    assert "Use fallback servers" in ben.get(path).text
    data = {"version": str(campaign.version), "name": "Kept", "subject": "s", "html": "x", "text": ""}
    ben.post(path, data=data)
    db.session.expire_all()
    found = db.session.get_one(Campaign, campaign.id)
    assert (found.name, found.fails_over) == ("Kept", False)


def test_own_mails_take_another_server_while_the_default_one_is_closed(app: Flask) -> None:
    default = make_server("First", is_default=True)
    make_server("Second", sender_domains="other.example")
    third = make_server("Third")
    assert sharing.for_own_mail("example.com", now=NOON) == default
    default.closed_until = NOON + timedelta(minutes=1)
    db.session.commit()
    assert sharing.for_own_mail("example.com", now=NOON) == third
    third.closed_until = default.closed_until
    db.session.commit()
    assert sharing.for_own_mail("example.com", now=NOON) == default, "better late than never"


def test_own_mails_stay_in_the_practice_mailbox(app: Flask) -> None:
    practice = make_server("Practice", is_default=True, is_practice=True)
    make_server("Real")
    practice.closed_until = NOON + timedelta(minutes=1)
    db.session.commit()
    assert sharing.for_own_mail("example.com", now=NOON) == practice


def test_a_campaign_whose_sender_no_server_may_carry_can_not_go_out(app: Flask) -> None:
    server = make_server("Only", is_default=True, sender_domains="other.example")
    campaign = make_campaign()
    with app.test_request_context():
        assert "server" in {each.where for each in preflight.of(campaign).must_fix}
        server.sender_domains = "example.com"
        assert "server" not in {each.where for each in preflight.of(campaign).must_fix}
