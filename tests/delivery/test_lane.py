"""A campaign going out over a real conversation, on both databases."""

from __future__ import annotations

import re
import threading
from email import message_from_bytes
from email.utils import parseaddr

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core.db import db
from campaigns.core.mail_addresses import way_of
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning.models import Status
from campaigns.settings.queries import link_key
from tests.delivery.background import in_background, until
from tests.delivery.factories import copies, fresh, make_launched, send, states
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer


def test_everybody_gets_the_mail_once_and_the_campaign_finishes(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=130, size=50)
        assert send(campaign) is End.NOTHING
    assert set(copies(server).values()) == {1}
    assert len(server.messages) == 130
    assert states(campaign) == {"sent": 130}
    assert fresh(campaign).status is Status.FINISHED


@pytest.mark.parametrize("keywords", [KEYWORDS, tuple(word for word in KEYWORDS if word != "8BITMIME")])
def test_a_campaign_comes_from_an_aligned_address_as_7_bit_text_S11_S13(
    each_database: Flask, keywords: tuple[str, ...]
) -> None:
    with SmtpServer(keywords=keywords) as server:
        campaign = make_launched(server, people=8, size=50, subject="Grüße aus Köln", html="<p>Grüße</p>")
        send(campaign)
    assert len(server.messages) == 8
    for mail_from, _rcpt_to, raw in server.messages:
        author = parseaddr(message_from_bytes(raw)["From"])[1]
        assert mail_from, "never the null sender"
        assert mail_from.rpartition("@")[2] == author.rpartition("@")[2]
        assert not re.search(rb"[\x80-\xff]", raw)


def test_a_report_leads_back_to_its_delivery_and_no_other_name_does_S24(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5, size=50)
        send(campaign)
    names = [re.search(r" ENVID=(\S+)", line)[1] for line in server.said("MAIL")]
    key = link_key()
    ways = {way_of(key, name) for name in names}
    assert ways == {(Purpose.BOUNCE, each) for each in db.session.scalars(sa.select(Delivery.id))}
    assert way_of(key, names[0][:-1] + ("a" if names[0][-1] != "a" else "b")) is None


def test_one_slow_answer_holds_up_nobody_else(each_database: Flask) -> None:
    answered = threading.Event()

    def holds(call: Call) -> bool:
        is_slow = call.verb == "END" and call.rcpt_to.partition("@")[0].endswith("-5")
        return is_slow and not answered.is_set()

    with SmtpServer(holds=holds, keywords=()) as server:  # one mail at a time on a connection
        campaign = make_launched(server, people=90, size=50, connections=3)
        work = in_background(each_database, lambda: send(campaign, timing=Timing(lease_s=8, window=10)))
        until(lambda: states(campaign).get("sent") == 89)
        assert states(campaign) == {"sent": 89, "sending": 1}
        answered.set()
        work.join(30)
    assert states(campaign) == {"sent": 90}
