"""One wrong sentence from a server: what it may do to its recipient, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Suppression
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.models import Batch, Delivery, Reason, State
from campaigns.delivery.routing.evidence import CONTENT_IN_A_ROW
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, DOMAINS, copies, fresh, id_of, make_launched, send, states
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer

PEOPLE = 60
PIPELINING = tuple(word for word in KEYWORDS if word != "CHUNKING")


def to_one(text: str, name: str = "-7@") -> Callable[[Call], str | None]:
    """Say it to one recipient, whenever that one is named."""
    return lambda call: text if name in call.argument or name in call.rcpt_to else None


def server_row() -> Server:
    db.session.rollback()
    return db.session.scalars(sa.select(Server).execution_options(populate_existing=True)).one()


def let_wait_be_over() -> None:
    """Everybody who was put off is due."""
    db.session.rollback()
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.state == State.DEFERRED)
        .values(next_at=clock.now() - timedelta(seconds=1))
    )
    db.session.execute(
        sa.update(Batch).where(Batch.next_at.is_not(None)).values(next_at=clock.now() - timedelta(seconds=1))
    )
    db.session.commit()


def the_one(campaign: Campaign) -> Delivery:
    db.session.rollback()
    statement = sa.select(Delivery).where(
        Delivery.campaign_id == id_of(campaign), Delivery.state != State.SENT
    )
    return db.session.scalars(statement.execution_options(populate_existing=True)).one()


WRONG = [
    ("RCPT", "450 4.2.1 mailbox temporarily disabled"),
    ("RCPT", "452 mailbox quota exceeded"),
    ("RCPT", "451 4.7.0 deferred"),
    ("RCPT", "554 5.7.1 Relay access denied"),
    ("RCPT", "550 5.7.133 sender not authenticated for group; client was not authenticated"),
    ("RCPT", "550 5.4.5 Daily sending quota exceeded"),
    ("RCPT", "503 5.5.1 bad sequence of commands"),
    ("RCPT", "421 4.3.2 closing"),
    ("END", "421 4.3.2 closing"),
    ("END", "454 4.7.0 Throttling failure: Maximum sending rate exceeded."),
]


@pytest.mark.parametrize(("verb", "text"), WRONG, ids=[f"{verb} {text[:30]}" for verb, text in WRONG])
@pytest.mark.parametrize("keywords", [KEYWORDS, PIPELINING], ids=["chunks", "pipelined"])
def test_what_one_recipient_provokes_holds_up_nobody_else(
    app: Flask, verb: str, text: str, keywords: tuple[str, ...]
) -> None:
    with SmtpServer(replies={verb: to_one(text)}, keywords=keywords) as server:
        campaign = make_launched(server, people=PEOPLE, size=30)
        send(campaign)
        assert len(copies(server)) == PEOPLE - 1
        assert set(copies(server).values()) == {1}
    assert states(campaign) == {"sent": PEOPLE - 1, "deferred": 1}
    found = the_one(campaign)
    assert found.attempts == 1, "charged, or it would come again for ever"
    assert fresh(campaign).status is Status.SENDING
    row = server_row()
    assert (row.failures, row.closed_until, row.eased_to) == (0, None, None)


@pytest.mark.parametrize("text", ["554 5.7.1 Relay access denied", "550 5.4.5 Daily sending quota exceeded"])
def test_a_refusal_of_us_that_one_gets_twice_is_its_end_and_the_campaign_finishes(
    each_database: Flask, text: str
) -> None:
    with SmtpServer(replies={"RCPT": to_one(text)}) as server:
        campaign = make_launched(server, people=PEOPLE, size=30)
        send(campaign)
        let_wait_be_over()
        send(campaign)
    assert states(campaign) == {"sent": PEOPLE - 1, "failed": 1}
    found = the_one(campaign)
    assert (found.reason, found.attempts) == (Reason.POLICY, 2)
    assert fresh(campaign).status is Status.FINISHED
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Suppression)) == 0


def test_a_few_whose_email_always_ends_the_connection_do_not_close_the_server(app: Flask) -> None:
    def end(call: Call) -> str | None:
        return "421 4.3.2 closing" if any(f"-{number}@" in call.rcpt_to for number in (7, 23)) else None

    with SmtpServer(replies={"END": end}, keywords=PIPELINING) as server:
        campaign = make_launched(server, people=PEOPLE, size=30)
        for _time in range(4):
            send(campaign)
            assert server_row().closed_until is None
            let_wait_be_over()
    assert states(campaign) == {"sent": PEOPLE - 2, "deferred": 2}
    attempts = db.session.scalars(sa.select(Delivery.attempts).where(Delivery.state == State.DEFERRED)).all()
    assert min(attempts) >= 2, "their time runs, whatever the server says of itself"


def test_the_last_two_whose_email_ends_every_connection_come_to_an_end_too(each_database: Flask) -> None:
    def end(call: Call) -> str | None:
        return "421 4.3.2 closing" if any(f"-{number}@" in call.rcpt_to for number in (58, 59)) else None

    with SmtpServer(replies={"END": end}, keywords=PIPELINING) as server:
        campaign = make_launched(server, people=PEOPLE, connections=1)
        for _time in range(4):
            send(campaign)
            assert server_row().closed_until is None, "two are not everybody"
            let_wait_be_over()
    assert states(campaign) == {"sent": PEOPLE - 2, "deferred": 2}
    attempts = db.session.scalars(sa.select(Delivery.attempts).where(Delivery.state == State.DEFERRED)).all()
    assert min(attempts) >= 2, "nobody was accepted after them, and their time runs all the same"


UNKNOWN_TO_ALL = ["550 Administrative prohibition", "554 5.7.1 spam", "551 not here", "550 5.0.0 no"]


@pytest.mark.parametrize("text", UNKNOWN_TO_ALL)
def test_what_everybody_gets_ends_and_suppresses_nobody(each_database: Flask, text: str) -> None:
    with SmtpServer(replies={"RCPT": text}, keywords=PIPELINING) as server:
        campaign = make_launched(server, people=200, size=50)
        assert send(campaign) is End.STOPPED
        assert len(server.said("RCPT")) <= 20 + 3
    assert states(campaign) == {"pending": 200}, "it was our fault: they wait"
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.POLICY)
    assert text.split(" ", 1)[1] in (found.pause_detail or "")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Suppression)) == 0


def test_who_resumes_without_a_change_is_stopped_again_and_nobody_is_asked_for_ever(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": "550 Administrative prohibition"}, keywords=PIPELINING) as server:
        campaign = make_launched(server, people=200, size=50)
        send(campaign)
        services.resume(fresh(campaign), now=clock.now())
        db.session.commit()
        assert send(campaign) is End.STOPPED
    found = states(campaign)
    assert CONTENT_IN_A_ROW - 4 <= found["failed"] <= 23, "refused twice, with an operator's word between"
    assert found["pending"] == 200 - found["failed"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("550 Monthly credits exhausted", None),
        ("550 Sending rate exceeded", None),
        ("550 Unable to verify sender", PauseReason.SERVER_REFUSES),
        ("554 5.7.1 Relay access denied", PauseReason.SERVER_REFUSES),
        ("503 5.5.1 bad sequence of commands", PauseReason.ERROR_RATE),
    ],
)
def test_what_a_server_says_of_us_to_everybody_ends_nobody(
    app: Flask, text: str, reason: PauseReason | None
) -> None:
    with SmtpServer(replies={"RCPT": text}) as server:
        campaign = make_launched(server, people=100, size=50)
        send(campaign)
    found = states(campaign)
    assert set(found) <= {"pending", "deferred"}
    assert found.get("deferred", 0) <= 8, "those who got it before it was believed wait a little"
    assert fresh(campaign).pause_reason is reason
    if reason is None:
        assert server_row().closed_until is not None


def test_a_firm_that_refuses_us_is_left_alone_and_everybody_else_gets_the_email(each_database: Flask) -> None:
    def rcpt(call: Call) -> str | None:
        return "550 5.7.1 blocked by policy" if "@firm.example" in call.argument else None

    with SmtpServer(replies={"RCPT": rcpt}, keywords=PIPELINING) as server:
        domains = ("firm.example",) * 100 + DOMAINS
        campaign = make_launched(server, people=206, size=50, domains=domains)
        send(campaign)
    found = states(campaign)
    assert found["sent"] == 6
    assert found["failed"] <= 20, "the rest of the firm's is put off"
    assert found["failed"] + found["deferred"] == 200
    assert fresh(campaign).status is Status.SENDING


def test_a_campaign_to_one_firm_alone_asks_the_operator_instead_of_ending_its_people(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": "554 5.7.1 Relay access denied"}) as server:
        campaign = make_launched(server, people=40, size=40, domains=("firm.example",))
        assert send(campaign) is End.STOPPED
    assert set(states(campaign)) <= {"pending", "deferred"}
    assert fresh(campaign).pause_reason is PauseReason.SERVER_REFUSES


def test_refusals_add_up_over_lanes_that_get_few_answers(app: Flask) -> None:
    short = replace(BRISK, window=4)
    lanes = 0
    with SmtpServer(replies={"RCPT": "550 Administrative prohibition"}, keywords=PIPELINING) as server:
        campaign = make_launched(server, people=200, size=50, connections=1)
        end = End.MORE
        while end is not End.STOPPED and lanes < 60:
            before, lanes = len(server.said("RCPT")), lanes + 1
            end = lane_runner.send(
                id_of(campaign),
                timing=short,
                should_yield=lambda before=before: len(server.said("RCPT")) > before,
            )
        assert len(server.said("RCPT")) <= 30
    assert lanes > 1
    assert fresh(campaign).pause_reason is PauseReason.POLICY
