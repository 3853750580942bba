"""How a mail that went out leads back to its delivery: by its envelope, its Message-ID and its header fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.mail_addresses import way_of
from campaigns.core.signing import Purpose
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Campaign
from campaigns.settings.queries import link_key
from tests.delivery.factories import make_due, make_launched, send
from tests.delivery.receivers import come_again
from tests.factories import make_sender
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer
from tests.settings.domains import make_domain, verified, zone_of

PLUS, SUBDOMAIN = "returns@example.com", "@bounce.example.com"
WAYS = [(PLUS, r"returns\+[a-z2-7]+@example\.com"), (SUBDOMAIN, r"[a-z2-7]+@bounce\.example\.com")]


def sent(bounces: str, *, keywords: tuple[str, ...] = KEYWORDS, **values) -> list[tuple[str, str, bytes]]:
    """A campaign from a sender with that bounce address: what the server got."""
    make_sender("news@example.com", bounce_address=bounces)
    with SmtpServer(keywords=keywords) as server:
        send(make_launched(server, people=5, size=50, **values))
    assert len(server.messages) == 5
    return list(server.messages)


def deliveries() -> set[int]:
    db.session.rollback()
    return set(db.session.scalars(sa.select(Delivery.id)))


def heads(messages: list[tuple[str, str, bytes]]) -> Iterator[tuple[str, Message]]:
    for mail_from, _rcpt_to, raw in messages:
        yield mail_from, message_from_bytes(raw)


@pytest.mark.parametrize("keywords", [KEYWORDS, ()])
@pytest.mark.parametrize(("bounces", "pattern"), WAYS)
def test_A11_each_mail_has_a_bounce_address_that_leads_to_its_delivery(
    each_database: Flask, bounces: str, pattern: str, keywords: tuple[str, ...]
) -> None:
    messages = sent(bounces, keywords=keywords)
    assert all(re.fullmatch(pattern, mail_from) for mail_from, _rcpt_to, _raw in messages)
    assert all(len(mail_from.partition("@")[0]) <= 64 for mail_from, _rcpt_to, _raw in messages)
    found = [way_of(link_key(), mail_from) for mail_from, _rcpt_to, _raw in messages]
    assert sorted(found) == sorted((Purpose.BOUNCE, each) for each in deliveries())


def test_a_bounce_address_is_the_senders_own_unless_it_has_another(each_database: Flask) -> None:
    messages = sent("")
    assert {mail_from for mail_from, _rcpt_to, _raw in messages} == {"news@example.com"}
    assert all("mailto:" not in head["List-Unsubscribe"] for _mail_from, head in heads(messages))


def test_H16_a_returned_message_id_leads_to_the_delivery_on_its_own(each_database: Flask) -> None:
    messages = sent("")
    found = [way_of(link_key(), head["Message-ID"]) for _mail_from, head in heads(messages)]
    assert sorted(found) == sorted((Purpose.MESSAGE, each) for each in deliveries())
    for _mail_from, head in heads(messages):
        assert re.fullmatch(r"<[a-z2-7]{17,31}@example\.com>", head["Message-ID"])


def test_envelope_and_message_of_a_mail_name_the_same_delivery(each_database: Flask) -> None:
    for mail_from, head in heads(sent(PLUS)):
        (_bounce, by_envelope), (_message, by_id) = (
            way_of(link_key(), text) for text in (mail_from, head["Message-ID"])
        )
        assert by_envelope == by_id


def test_each_attempt_comes_from_the_same_address_with_the_same_id(each_database: Flask) -> None:
    make_sender("news@example.com", bounce_address=SUBDOMAIN)
    seen: list[tuple[str, str]] = []

    def not_at_first(call: Call) -> str | None:
        seen.append((call.mail_from, call.rcpt_to))
        return "451 4.3.0 Later" if len(seen) <= 3 else None

    with SmtpServer(replies={"END": not_at_first}) as server:
        campaign = make_launched(server, people=3, size=50)
        send(campaign)
        assert server.messages == []
        come_again()
        send(campaign)
    assert len(server.messages) == 3
    assert set(seen[:3]) == set(seen[3:])
    for mail_from, head in heads(server.messages):
        assert way_of(link_key(), mail_from)[1] == way_of(link_key(), head["Message-ID"])[1]


def test_H01_people_can_unsubscribe_by_a_link_or_by_mail_the_link_first(each_database: Flask) -> None:
    uris = re.compile(
        r"<(https?://\S+/u/\S+)>,\s+<mailto:(unsub\+[a-z2-7]+@bounce\.example\.com)\?subject=unsubscribe>"
    )
    found = []
    for _mail_from, head in heads(sent(SUBDOMAIN)):
        assert len(head.get_all("List-Unsubscribe")) == 1
        assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        whole = uris.fullmatch(head["List-Unsubscribe"])
        assert whole, head["List-Unsubscribe"]
        assert len(whole[2].partition("@")[0]) <= 64
        found.append(way_of(link_key(), whole[2]))
    assert sorted(found) == sorted((Purpose.UNSUBSCRIBE, each) for each in deliveries())


def test_H14_gmail_can_count_complaints_by_campaign_and_list_and_by_nobody(each_database: Flask) -> None:
    found = {head["Feedback-ID"] for _mail_from, head in heads(sent(PLUS))}
    assert len(found) == 1, "the same for every recipient"
    parts = found.pop().split(":")
    assert len(parts) <= 4
    assert re.fullmatch(r"[A-Za-z0-9]{5,15}", parts[-1])
    campaign = db.session.scalars(sa.select(Campaign)).one()
    assert parts[:-1] == [f"c{campaign.id}", campaign.lists[0].public_id]


def test_the_ways_back_are_signed_so_that_nobody_can_add_one(each_database: Flask) -> None:
    domain = make_domain("example.com")
    zone = zone_of(domain)
    raw = sent(SUBDOMAIN)[0][2]
    assert all(verified(raw, zone).values())
    named = re.search(r"h=([^;]+);", message_from_bytes(raw)["DKIM-Signature"])[1].split(":")
    names = [each.strip() for each in named]
    for name in ("list-unsubscribe", "list-unsubscribe-post", "feedback-id", "message-id"):
        assert names.count(name) == 2, f"{name}: signed, and once more than it occurs"
    changed = re.sub(rb"(?im)^Feedback-ID: ", b"Feedback-ID: x", raw)
    assert not any(verified(changed, zone).values())


def test_what_is_launched_keeps_its_bounce_address(each_database: Flask) -> None:
    sender = make_sender("News@Example.com", bounce_address=SUBDOMAIN)
    with SmtpServer() as server:
        campaign = make_due(server, people=1)
        launch.launch(campaign.id, clock.now())
        sender.bounce_address = ""
        db.session.commit()
        send(campaign)
    assert [parseaddr(each[0])[1].partition("@")[2] for each in server.messages] == ["bounce.example.com"]
