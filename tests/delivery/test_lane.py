"""A campaign going out over a real conversation, on both databases."""

from __future__ import annotations

from flask import Flask

from campaigns.delivery.lane import End
from campaigns.planning.models import Status
from tests.delivery.factories import copies, fresh, make_launched, send, states
from tests.fakes.smtp_server import SmtpServer


def test_everybody_gets_the_mail_once_and_the_campaign_finishes(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=130, size=50)
        assert send(campaign) is End.NOTHING
    assert set(copies(server).values()) == {1}
    assert len(server.messages) == 130
    assert states(campaign) == {"sent": 130}
    assert fresh(campaign).status is Status.FINISHED
