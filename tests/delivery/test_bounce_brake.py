"""A server that calls every address unknown stops the campaign and costs nobody the next one."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Suppression, SuppressionReason
from campaigns.core.db import db
from campaigns.delivery.sender import lane_runner
from campaigns.notices.models import Notice
from campaigns.planning.models import Status
from tests.delivery.background import in_background
from tests.delivery.bounces import NOBODY, assert_braked, numbers, refusing, suppressed
from tests.delivery.factories import BRISK, fresh, id_of, make_launched, send, states
from tests.factories import make_operator
from tests.fakes.smtp_server import KEYWORDS, SmtpServer

ON_ONE_CONNECTION = 11  # emails at a time, before their answers are read


@pytest.mark.parametrize(("people", "keywords"), [(2000, KEYWORDS), (200, ("PIPELINING",)), (200, ())])
def test_a_server_that_knows_nobody_stops_the_campaign_at_thirty(
    each_database: Flask, people: int, keywords: tuple[str, ...]
) -> None:
    make_operator("boss@example.com")
    with SmtpServer(keywords=keywords, replies={"RCPT": NOBODY}) as server:
        campaign = make_launched(server, people=people, connections=3)
        send(campaign)
        asked = server.counts["RCPT"]
    assert_braked(campaign)
    found = states(campaign)
    assert 30 <= found["failed"] <= 30 + 3 * ON_ONE_CONNECTION
    assert found == {"failed": found["failed"], "pending": people - found["failed"]}
    assert asked == found["failed"]
    assert suppressed() == []
    detail = fresh(campaign).pause_detail or ""
    assert f"{found['failed']} of {found['failed']}" in detail
    assert "No addresses have been suppressed" in detail
    notice = db.session.scalars(sa.select(Notice)).one()
    assert notice.to_address == "boss@example.com"


def test_a_server_that_forgets_everybody_in_mid_send_stops_the_campaign_too(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": refusing(lambda number: number >= 1800)}) as server:
        campaign = make_launched(server, people=2400, connections=2)
        send(campaign)
    assert_braked(campaign)
    found = states(campaign)
    assert 1500 < found["sent"] <= 1800, "those before them got it, as far as it was their turn"
    # Of two connections what is on the wire then, and what followed it: on a busy machine answers come in bundles, which
    # are judged as one, and a connection has its next emails before the last answer of a bundle is read.
    assert 30 <= found["failed"] <= 30 + 2 * 2 * ON_ONE_CONNECTION
    assert suppressed() == []
    assert "recipients bounced: the server says that their addresses do not exist" in (
        fresh(campaign).pause_detail or ""
    )


def test_a_good_list_finishes_and_exactly_its_dead_addresses_are_suppressed(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": refusing(lambda number: number % 100 == 7)}) as server:
        campaign = make_launched(server, people=1500)
        send(campaign)
    assert fresh(campaign).status is Status.FINISHED
    assert states(campaign) == {"sent": 1485, "failed": 15}
    assert numbers(suppressed()) == {number for number in range(1500) if number % 100 == 7}
    assert set(db.session.scalars(sa.select(Suppression.reason))) == {SuppressionReason.HARD_BOUNCE}


@pytest.mark.parametrize("people", [3, 25, 40])
def test_a_small_campaign_in_which_everybody_bounces_does_not_finish_by_suppressing_them(
    each_database: Flask, people: int
) -> None:
    with SmtpServer(replies={"RCPT": NOBODY}) as server:
        campaign = make_launched(server, people=people)
        send(campaign)
    assert_braked(campaign)
    assert states(campaign).get("failed", 0) >= min(people, 30)
    assert suppressed() == []


def test_of_a_few_recipients_one_may_be_dead(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": refusing(lambda number: number == 1)}) as server:
        campaign = make_launched(server, people=3)
        send(campaign)
    assert fresh(campaign).status is Status.FINISHED
    assert numbers(suppressed()) == {1}


def test_several_lanes_stop_together(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": NOBODY}) as server:
        campaign = make_launched(server, people=2000, size=100, connections=4)
        together = threading.Barrier(2)

        def lane() -> None:
            together.wait(10)
            lane_runner.send(id_of(campaign), timing=BRISK)

        lanes = [in_background(each_database, lane) for _lane in range(2)]
        for each in lanes:
            each.join(60)
        send(campaign)
    assert_braked(campaign)
    assert states(campaign)["failed"] <= 30 + (4 + 2) * ON_ONE_CONNECTION
    assert suppressed() == []


def test_turns_without_a_bounce_ask_nothing_about_bounces(each_database: Flask) -> None:
    asked: list[str] = []

    def note(*arguments: object) -> None:
        statement = str(arguments[2])
        if "bounce" in statement.lower():
            asked.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    numbers_of_statements = []
    with SmtpServer() as server:
        for people in (60, 400):
            asked.clear()
            send(make_launched(server, people=people))
            numbers_of_statements.append(len(asked))
    sa.event.remove(db.engine, "before_cursor_execute", note)
    assert numbers_of_statements[0] == numbers_of_statements[1], "only the end asks"
