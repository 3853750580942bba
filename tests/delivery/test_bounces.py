"""Who is suppressed by what servers say, and that no crash loses it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, Suppression, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger import staging
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.delivery.sender import aftermath, lane_runner
from campaigns.delivery.sender.lane import End, Lane
from campaigns.planning.models import PauseReason, Status
from tests.delivery.factories import fresh, make_launched, make_next, send, states
from tests.fakes.smtp_server import SmtpServer

FULL = "552 5.2.2 over quota"
CLOSED = "550 5.2.1 mailbox disabled"
NOWHERE = "550 5.1.2 no such domain"


def suppressed() -> list[SuppressionReason]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Suppression.reason)))


@pytest.mark.parametrize("answer", [FULL, CLOSED])
def test_who_can_not_be_reached_in_three_campaigns_in_a_row_gets_no_fourth(
    each_database: Flask, answer: str
) -> None:
    with SmtpServer(replies={"RCPT": answer}) as server:
        first = make_launched(server, people=1)
        send(first)
        send(make_next(first))
        assert suppressed() == []
        send(make_next(first))
        assert suppressed() == [SuppressionReason.UNREACHABLE]
        fourth = make_next(first)
        send(fourth)
        assert server.counts["RCPT"] == 3
    assert (fresh(fourth).status, fresh(fourth).pause_reason) == (Status.PAUSED, PauseReason.NOBODY)


def test_a_mail_that_arrives_in_between_begins_the_count_anew(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": FULL}) as server:
        first = make_launched(server, people=1)
        send(first)
        send(make_next(first))
        server.replies = {}
        send(make_next(first))
        server.replies = {"RCPT": FULL}
        send(make_next(first))
    assert suppressed() == []


def test_a_domain_that_is_not_found_has_a_day_to_come_back(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": NOWHERE}) as server:
        first = make_launched(server, people=1)
        send(first)
        send(make_next(first))
        assert suppressed() == [], "name servers can be away for an hour"
        db.session.execute(sa.update(Delivery).values(done_at=clock.now() - timedelta(hours=25)))
        db.session.commit()
        send(make_next(first))
    assert suppressed() == [SuppressionReason.UNREACHABLE]
    assert set(db.session.scalars(sa.select(Delivery.reason))) == {Reason.BAD_DOMAIN}


def test_another_address_of_the_same_person_is_not_blamed(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": FULL}) as server:
        first = make_launched(server, people=1)
        send(first)
        send(make_next(first))
        db.session.execute(
            sa.update(Subscriber).values(
                email="new@example.org", address="new@example.org", address_key="f" * 32
            )
        )
        db.session.commit()
        send(make_next(first))
    assert suppressed() == []


def test_a_dead_address_is_known_even_if_the_lane_dies_right_after(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        """The process ends here."""

    def die(lane: Lane, verdicts: object) -> None:
        if verdicts:
            raise Killed

    monkeypatch.setattr(aftermath.Aftermath, "__call__", die)
    with SmtpServer(replies={"RCPT": "550 5.1.1 nobody"}) as server:
        campaign = make_launched(server, people=1)
        with pytest.raises(Killed):
            lane_runner.send(campaign.id)
    failed = sa.select(sa.func.count()).where(Delivery.state == State.FAILED)
    assert db.session.scalar(failed) == staging.standing(campaign.id).staged == 1
    db.session.rollback()
    tasks.reap(owner="test", now=clock.now())
    tasks.repair(now=clock.now())
    assert suppressed() == [SuppressionReason.HARD_BOUNCE]


def test_the_allowance_of_the_day_costs_nobody_and_is_asked_for_once_an_hour(app: Flask) -> None:
    with SmtpServer(replies={"END": "454 Throttling failure: Daily message quota exceeded."}) as server:
        campaign = make_launched(server, people=5)
        assert send(campaign) is End.STOPPED
    assert states(campaign) == {"pending": 4, "deferred": 1}, "one alone proves nothing, and waits a little"
    found = fresh(campaign)
    assert found.status is Status.SENDING
    assert found.server
    assert found.server.closed_until
    assert timedelta(minutes=55) < found.server.closed_until - clock.now() <= timedelta(hours=1)
