"""A receiver in trouble waits, and everybody else does not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.limits import domain_backoff, receiver_rows
from campaigns.delivery.models import Delivery, Reason, Receiver, ReceiverDomain, State
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from tests.delivery.factories import id_of, send, states
from tests.delivery.receivers import come_again, make_mixed, refuse
from tests.fakes.smtp_server import KEYWORDS, Call, SmtpServer

BRISK = Timing(lease_s=8, budget_s=20, breath_s=0.01, window=40)


def test_a_dead_domain_with_a_third_of_the_list_costs_the_others_nothing(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 no answer from host", "@dead.example")}) as server:
        campaign = make_mixed(server, ("dead.example", 90), ("alive.example", 210))
        assert send(campaign, timing=BRISK) is End.NOTHING
        tried = [line for line in server.said("RCPT") if "@dead.example" in line]
    assert states(campaign) == {"sent": 210, "deferred": 90}
    assert len(tried) <= 2 * BRISK.window, "the windows on their way when it turned out"
    rows = db.session.execute(
        sa.select(Delivery.reason, sa.func.max(Delivery.attempts), sa.func.count())
        .where(Delivery.state == State.DEFERRED)
        .group_by(Delivery.reason)
    )
    found = {reason: (attempts, number) for reason, attempts, number in rows}
    assert found[Reason.RECEIVER][0] == 0, "nobody was charged for waiting"
    assert found[Reason.RECEIVER][1] == 90 - 2, "all but the two who were asked before it was known"
    receiver = db.session.scalars(sa.select(Receiver)).one()
    assert receiver.name == "dead.example"
    assert receiver.next_at
    assert timedelta(minutes=4) < receiver.next_at - clock.now() <= timedelta(minutes=5)
    assert "no answer from host" in receiver.said


def test_after_the_wait_a_few_go_first_and_then_all(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 away", "@dead.example")}) as server:
        campaign = make_mixed(server, ("dead.example", 60))
        send(campaign, timing=BRISK)
        before = len(server.said("RCPT"))
        come_again()
        send(campaign, timing=BRISK)
        assert len(server.said("RCPT")) - before <= 2 * domain_backoff.MOST_ON_TRIAL
        again = db.session.scalars(sa.select(Receiver)).one()
        assert again.backoff_s == 600, "twice as long"
        server.replies = {}
        come_again()
        send(campaign, timing=BRISK)
        come_again()
        send(campaign, timing=BRISK)
    assert states(campaign) == {"sent": 60}
    assert db.session.scalars(sa.select(Receiver)).all() == []


def test_domains_of_one_provider_wait_together(app: Flask) -> None:
    says = "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints"
    with SmtpServer(replies={"RCPT": refuse(says, "@yahoo.com", "@aol.com")}) as server:
        campaign = make_mixed(server, ("yahoo.com", 1), ("aol.com", 100), ("x.example", 20))
        send(campaign, timing=BRISK)
    found = states(campaign)
    assert (found["sent"], found["deferred"]) == (20, 101)
    receiver = db.session.scalars(sa.select(Receiver)).one()
    assert receiver.name == "yahoo.com"
    assert receiver.next_at
    assert receiver.next_at - clock.now() > timedelta(minutes=55), "an hour at once"


def test_what_one_receiver_says_before_it_hangs_up_is_not_held_against_others(app: Flask) -> None:
    says = "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred"
    with SmtpServer(replies={"RCPT": refuse(says, "@aol.com")}) as server:
        campaign = make_mixed(server, ("aol.com", 30), ("x.example", 30), connections=1)
        send(campaign, timing=BRISK)
    assert states(campaign) == {"sent": 30, "deferred": 30}
    assert [each.name for each in db.session.scalars(sa.select(Receiver))] == ["yahoo.com"]


def test_some_full_mailboxes_at_a_big_provider_hold_up_nobody(app: Flask) -> None:
    with SmtpServer(
        replies={"RCPT": lambda call: "452 4.2.2 over quota" if "<r1" in call.argument else None}
    ) as server:
        campaign = make_mixed(server, ("gmail.com", 60))
        send(campaign, timing=BRISK)
    assert states(campaign) == {"sent": 49, "deferred": 11}
    assert db.session.scalars(sa.select(Receiver)).all() == []


def test_who_has_waited_past_the_horizon_expires(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 away", "@dead.example")}) as server:
        campaign = make_mixed(server, ("dead.example", 60))
        send(campaign, timing=BRISK)
        assert states(campaign) == {"deferred": 60}
        db.session.execute(sa.update(Delivery).values(tried_since=clock.now() - timedelta(hours=25)))
        come_again(suspended_too=False)
        send(campaign, timing=BRISK)
    assert states(campaign) == {"expired": 60}
    assert set(db.session.scalars(sa.select(Delivery.reason))) == {Reason.TOO_LATE}


def test_a_firm_with_its_mail_at_a_big_provider_shares_that_ones_troubles(
    each_database: Flask,
) -> None:
    google = {"firm.example": ["aspmx.l.google.com."]}
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 away", "@firm.example", "@gmail.com")}) as server:
        campaign = make_mixed(server, ("firm.example", 20))
        send(campaign, timing=BRISK)
        assert receiver_rows.to_look_up()
        assert receiver_rows.look_up(lambda domain: google[domain], now=clock.now()) == 1
        assert not receiver_rows.to_look_up()
        assert db.session.scalars(sa.select(ReceiverDomain.receiver)).all() == ["gmail.com"]
        other = make_mixed(server, ("gmail.com", 30))
        send(other, timing=BRISK)
        before = len(server.said("RCPT"))
        come_again(suspended_too=False)
        send(campaign, timing=BRISK)
        assert len(server.said("RCPT")) == before, "it waits with gmail.com"


@pytest.mark.parametrize("keywords", [(), ("PIPELINING",), KEYWORDS])
def test_a_receiver_that_takes_its_time_has_one_mail_at_a_time_until_the_others_are_out(
    each_database: Flask, keywords: tuple[str, ...]
) -> None:
    # An answer within a tenth of `slow_s` is brisk: a whole second, which no machine is too slow for.
    timing = Timing(lease_s=20, budget_s=60, breath_s=0.01, window=40, slow_s=10)
    on_the_wire: set[int] = set()
    most = 0

    def slow(call: Call) -> float:
        nonlocal most
        if call.verb != "END" or not call.rcpt_to.endswith("@tar.example"):
            return 0.02 if call.verb == "END" else 0
        on_the_wire.add(call.connection)
        out = sum(each.endswith("@swift.example") for each in server.addresses)
        if out < 130:
            most = max(most, len(on_the_wire))
        return 1.2 if out < 140 else 0

    def done(call: Call) -> str | None:
        on_the_wire.discard(call.connection)
        return None

    with SmtpServer(slow=slow, replies={"END": done}, keywords=keywords) as server:
        campaign = make_mixed(server, ("tar.example", 30), ("swift.example", 140), connections=4)
        send(campaign, timing=timing)
        order = [each.rpartition("@")[2] for each in server.addresses]
    assert states(campaign) == {"sent": 170}, "nobody is put off for it"
    assert most == 1
    last = max(place for place, domain in enumerate(order) if domain == "swift.example")
    assert order[:last].count("tar.example") < 8


@pytest.mark.parametrize("keywords", [(), ("PIPELINING",), KEYWORDS])
def test_a_tarpit_holds_one_connection_while_the_mails_of_all_others_go_out(
    each_database: Flask, keywords: tuple[str, ...]
) -> None:
    """It answers nothing until they are out, and the lane's time is over long before: it must not wait for it."""
    timing = Timing(lease_s=8, budget_s=0.5, breath_s=0.01, window=40, slow_s=0.2)
    held_on: set[int] = set()

    def holds(call: Call) -> bool:
        if call.verb != "END" or not call.rcpt_to.endswith("@tar.example"):
            return False
        is_held = sum(each.endswith("@swift.example") for each in server.addresses) < 140
        if is_held:
            held_on.add(call.connection)
        return is_held

    def slow(call: Call) -> float:
        return 0.01 if call.verb == "END" else 0

    with SmtpServer(holds=holds, slow=slow, keywords=keywords) as server:
        campaign = make_mixed(server, ("tar.example", 60), ("swift.example", 140), connections=4)
        send(campaign, timing=timing)
        arrived = Counter(each.rpartition("@")[2] for each in server.addresses)
    assert len(held_on) == 1
    assert arrived["swift.example"] == 140
    assert states(campaign) == {"sent": arrived.total(), "deferred": 200 - arrived.total()}
    assert [each.name for each in receiver_rows.in_trouble(now=clock.now(), most=9)] == ["tar.example"], (
        "all lanes know"
    )


def test_a_lane_whose_time_was_over_goes_on_once_all_that_it_waits_for_is_one_slow_answer(app: Flask) -> None:
    """Its time is over before anything is slow, and the one answer comes when all others are out."""
    timing = Timing(lease_s=8, budget_s=60, breath_s=0.01, window=20, slow_s=0.5)
    held: list[Call] = []

    def holds(call: Call) -> bool:
        if call.verb != "END" or not call.rcpt_to.endswith("@tar.example"):
            return False
        held.append(call)
        return sum(each.endswith("@swift.example") for each in server.addresses) < 140

    with SmtpServer(holds=holds, keywords=()) as server:
        campaign = make_mixed(server, ("tar.example", 10), ("swift.example", 140), connections=4)
        lane_runner.send(id_of(campaign), timing=timing, should_yield=lambda: bool(held))
        assert sum(each.endswith("@swift.example") for each in server.addresses) == 140


def test_a_receiver_that_has_answered_gets_more_than_one_connection(app: Flask) -> None:
    with SmtpServer(delay_s=0.005, keywords=()) as server:
        campaign = make_mixed(server, ("big.example", 150), ("small.example", 20), connections=4)
        send(campaign, timing=BRISK)
        assert server.most_connections == 4
    assert states(campaign) == {"sent": 170}


def test_a_first_answer_that_takes_its_time_puts_off_nobody_at_a_single_receiver(app: Flask) -> None:
    """More mails wait for it than are put aside."""
    answered: list[int] = []

    def slow(call: Call) -> float:
        answered.extend([1] if call.verb == "END" else [])
        return 0.4 if call.verb == "END" and len(answered) == 1 else 0

    timing = Timing(lease_s=8, budget_s=20, breath_s=0.01, window=200, slow_s=0.1)
    with SmtpServer(slow=slow, keywords=KEYWORDS) as server:
        campaign = make_mixed(server, ("big.example", 700), connections=4)
        send(campaign, timing=timing)
    assert states(campaign) == {"sent": 700}
    assert receiver_rows.in_trouble(now=clock.now(), most=9) == []


def test_a_first_mail_that_is_never_answered_holds_up_nobody_at_a_single_receiver(app: Flask) -> None:
    timing = Timing(lease_s=8, budget_s=20, breath_s=0.01, window=200, slow_s=0.1)
    first: list[str] = []

    def holds(call: Call) -> bool:
        if call.verb == "END" and not first:
            first.append(call.rcpt_to)
        # but those of a few that are behind it on the same connection
        return call.verb == "END" and call.rcpt_to == first[0] and len(server.addresses) < 680

    with SmtpServer(holds=holds, keywords=KEYWORDS) as server:
        campaign = make_mixed(server, ("big.example", 700), connections=4)
        send(campaign, timing=timing)
    assert states(campaign) == {"sent": 700}


def test_a_slow_server_is_no_slow_receiver(app: Flask) -> None:
    timing = Timing(lease_s=8, budget_s=20, breath_s=0.01, slow_s=0.02)
    with SmtpServer(slow=lambda call: 0.05 if call.verb == "END" else 0) as server:
        campaign = make_mixed(server, ("a.example", 8), ("b.example", 8))
        send(campaign, timing=timing)
    assert states(campaign) == {"sent": 16}


def test_the_operator_sees_who_is_in_trouble(app: Flask) -> None:
    with SmtpServer(replies={"RCPT": refuse("451 4.4.1 away", "@dead.example")}) as server:
        campaign = make_mixed(server, ("dead.example", 20))
        send(campaign, timing=BRISK)
    assert id_of(campaign)
    assert [each.name for each in receiver_rows.in_trouble(now=clock.now(), most=9)] == ["dead.example"]
