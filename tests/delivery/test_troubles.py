"""Whose fault is it? A failure of ours burns nobody, and an operator is told."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Suppression, SuppressionReason
from campaigns.core import clock, secrets
from campaigns.core.config import current
from campaigns.core.db import db
from campaigns.delivery import queries, services
from campaigns.delivery.autopause import failure_rate, server_outage
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger.outcomes import Trouble, Verdict
from campaigns.delivery.models import Attempt, Batch, Delivery, Reason, State
from campaigns.delivery.routing import circuit_breaker
from campaigns.delivery.routing.evidence import CONTENT_IN_A_ROW, CONTENT_IS_SERIOUS
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.delivery.sender.stop_rules import StopRules
from campaigns.mail.protocol import Phase
from campaigns.notices.models import Notice
from campaigns.planning import services as planning_services
from campaigns.planning.models import PauseReason, Status
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, copies, fresh, id_of, make_bounces, make_launched, send, states
from tests.delivery.server_rows import server_row
from tests.factories import make_operator, make_server
from tests.fakes.smtp_server import KEYWORDS, SmtpServer
from tests.running import free_port


def test_a_dead_address_is_suppressed_with_what_the_server_said(each_database: Flask) -> None:
    with SmtpServer(
        replies={"RCPT": lambda call: "550 5.1.1 nobody" if "-1@" in call.argument else None}
    ) as server:
        campaign = make_launched(server, people=5)
        send(campaign)
    assert states(campaign) == {"sent": 4, "failed": 1}
    found = db.session.scalars(sa.select(Suppression)).one()
    assert found.reason is SuppressionReason.HARD_BOUNCE
    assert "nobody" in found.note
    attempt = db.session.scalars(sa.select(Attempt)).one()
    assert (attempt.code, attempt.phase) == (550, "rcpt")


@pytest.mark.parametrize("verb", ["RCPT", "END"])
def test_a_nul_and_a_flood_of_words_in_replies_stop_nobody(each_database: Flask, verb: str) -> None:
    """PostgreSQL takes no NUL in a text: the lane died of it, and the next one asked the same people again."""
    long = "\n".join(["552-5.2.2 \x00 full " + "words \x1b[31m" * 70] * 80 + ["552 5.2.2 \x00 full"])
    assert 60_000 < len(long) < 64_000

    def speak(call) -> str | None:
        return {1: long, 2: "450 4.2.0 la\x00ter", 3: "250 2.0.0 o\x00k"}.get(call.count)

    with SmtpServer(replies={verb: speak}) as server:
        campaign = make_launched(server, people=20, size=10)
        assert send(campaign) is End.NOTHING
        assert len(server.messages) == 18
    assert states(campaign) == {"sent": 18, "failed": 1, "deferred": 1}
    told = db.session.scalars(sa.select(Delivery.reply).where(Delivery.reply.is_not(None))).all()
    assert not any(each in text for text in told for each in "\x00\x1b")


def test_a_nul_in_the_greeting_is_kept_as_the_last_error(each_database: Flask) -> None:
    with SmtpServer(replies={"BANNER": "554 go\x00away"}) as server:
        campaign = make_launched(server, people=5)
        assert lane_runner.send(id_of(campaign), timing=BRISK) in (End.STOPPED, End.UNREACHABLE)
    assert states(campaign) == {"pending": 5}
    assert "go away" in (server_row().last_error or "")


def test_a_deferred_mail_waits_for_its_time_and_goes_out_then_S09(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": "451 4.7.1 greylisted, come back"}) as server:
        campaign = make_launched(server, people=3)
        assert send(campaign) is End.NOTHING
        assert states(campaign) == {"deferred": 3}
        server.replies = {}
        send(campaign)
        assert server.messages == [], "its time has not come"
        batch = db.session.scalars(sa.select(Batch)).one()
        assert batch.next_at and batch.next_at > clock.now() + timedelta(minutes=3)
        db.session.execute(sa.update(Delivery).values(next_at=clock.now() - timedelta(seconds=1)))
        db.session.execute(sa.update(Batch).values(next_at=clock.now() - timedelta(seconds=1)))
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"sent": 3}
    assert db.session.scalars(sa.select(Delivery.attempts)).all() == [2, 2, 2]


def test_a_server_that_refuses_our_password_pauses_at_once_and_nobody_has_failed_S23(
    each_database: Flask,
) -> None:
    make_operator("boss@example.com")
    make_operator("calm@example.com", wants_alerts=False)
    with SmtpServer(users={"us": "right"}) as server:
        campaign = make_launched(server, people=50)
        row = server_row()
        row.username = "us"
        row.password_sealed = secrets.seal(current().secret_key, "wrong", owner=f"server:{row.id}")
        db.session.commit()
        assert send(campaign) is End.STOPPED
        assert server.connections <= 3
    assert states(campaign) == {"pending": 50}
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.SERVER_REFUSES)
    assert "bad credentials" in (found.pause_detail or "")
    assert circuit_breaker.is_closed(server_row(), now=clock.now())
    notice = db.session.scalars(sa.select(Notice)).one()
    assert notice.to_address == "boss@example.com"
    assert "bad credentials" in notice.text


def test_sign_in_failing_in_mid_send_fails_nobody(each_database: Flask) -> None:
    with SmtpServer(users={"us": "right"}, delay_s=0.001) as server:
        campaign = make_launched(server, people=300, size=100, connections=2)
        row = server_row()
        row.username = "us"
        row.password_sealed = secrets.seal(current().secret_key, "right", owner=f"server:{row.id}")
        db.session.commit()
        server.replies = {"AUTH": lambda call: "535 5.7.8 locked" if call.count > 2 else None}
        assert send(campaign) is End.STOPPED
        found = states(campaign)
        assert 0 < found["sent"] < 300
        assert found == {"sent": found["sent"], "pending": 300 - found["sent"]}
        assert found["sent"] == len(server.messages)


def test_the_second_alert_for_the_same_cause_within_an_hour_is_not_sent(app: Flask) -> None:
    make_operator("boss@example.com")
    with SmtpServer(replies={"MAIL": "550 5.7.1 sender not allowed"}) as server:
        campaign = make_launched(server, people=5)
        send(campaign)
        services.resume(fresh(campaign), now=clock.now())
        db.session.commit()
        send(campaign)
    assert fresh(campaign).pause_reason is PauseReason.SERVER_REFUSES
    assert set(states(campaign)) == {"pending", "deferred"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Notice)) == 1


def test_content_that_receivers_refuse_pauses_within_a_few_and_ends_nobody_S28(
    each_database: Flask,
) -> None:
    def end(call) -> str | None:
        return "554 5.7.1 spam" if call.count > 50 else None

    with SmtpServer(replies={"END": end}, delay_s=0.001) as server:
        campaign = make_launched(server, people=300, size=100, connections=2)
        assert send(campaign) is End.STOPPED
        refused = server.counts["END"] - 50
    on_the_wire = 2 * 11  # when the first refusal came: they can't be taken back
    assert CONTENT_IN_A_ROW <= refused <= on_the_wire + CONTENT_IS_SERIOUS
    found = states(campaign)
    put_off = found.pop("deferred", 0)  # as long as only their receiver was to blame
    assert found == {"sent": 50, "pending": 250 - put_off}, "it was no recipient's fault"
    assert fresh(campaign).pause_reason is PauseReason.POLICY
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Suppression)) == 0


def test_content_that_all_refuse_is_refused_to_twenty_and_no_more_S28(each_database: Flask) -> None:
    def end(call) -> str | None:
        return "554 5.7.1 spam" if call.count > 50 else None

    pipelining = tuple(word for word in KEYWORDS if word != "CHUNKING")
    with SmtpServer(replies={"END": end}, delay_s=0.001, keywords=pipelining) as server:
        campaign = make_launched(server, people=400, size=50, connections=4)
        send(campaign)
        refused = server.counts["END"] - 50
    assert CONTENT_IN_A_ROW <= refused <= 20
    assert states(campaign) == {"sent": 50, "pending": 350}
    assert fresh(campaign).pause_reason is PauseReason.POLICY


def test_a_server_that_is_down_is_closed_after_five_tries_and_nobody_has_failed(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=20)
        row = server_row()
        row.port = free_port()
        db.session.commit()
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.UNREACHABLE
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.STOPPED, "closed by now"
        assert states(campaign) == {"pending": 20}
        assert fresh(campaign).status is Status.SENDING
        row = server_row()
        assert (row.failures, bool(row.last_error), bool(row.down_since)) == (5, True, True)
        row.port, row.closed_until = server.port, clock.now() - timedelta(seconds=1)
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"sent": 20}
    row = server_row()
    assert (row.failures, row.closed_until, row.down_since) == (0, None, None)


def test_a_server_that_stays_down_for_half_an_hour_pauses_the_campaign(app: Flask) -> None:
    make_operator("boss@example.com")
    with SmtpServer() as server:
        campaign = make_launched(server, people=5)
    lane_runner.send(id_of(campaign), timing=BRISK)
    later = clock.now() + timedelta(minutes=29)
    assert not server_outage.check(id_of(campaign), now=later)
    assert server_outage.check(id_of(campaign), now=later + timedelta(minutes=2))
    db.session.commit()
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.SERVER_DOWN)
    assert db.session.scalars(sa.select(Notice.to_address)).all() == ["boss@example.com"]
    services.resume(found, now=clock.now())
    db.session.commit()
    assert server_row().failures == 0


def test_a_closed_server_comes_back_with_one_mail_first(app: Flask) -> None:
    with SmtpServer(replies={"END": "421 4.3.2 not yet"}) as server:
        campaign = make_launched(server, people=20)
        row = server_row()
        row.failures = circuit_breaker.OPEN_AT
        db.session.commit()
        lane_runner.send(id_of(campaign), timing=BRISK)
        assert len(server.said("MAIL")) <= 4, "two emails, each once more on another connection"
    assert states(campaign) == {"pending": 19, "deferred": 1}
    row = server_row()
    assert row.failures == circuit_breaker.OPEN_AT + 1
    assert row.closed_until
    assert row.closed_until - clock.now() > timedelta(seconds=90), "longer than the first time"


def test_a_server_on_trial_gets_three_mails_one_by_one(app: Flask) -> None:
    together: list[int] = []
    with SmtpServer(replies={"END": lambda _call: together.append(server.open_connections)}) as server:
        campaign = make_launched(server, people=60, connections=3)
        row = server_row()
        row.failures = circuit_breaker.OPEN_AT
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"sent": 60}
    assert together[:3] == [1, 1, 1]
    assert server_row().failures == 0


def test_only_one_lane_tries_a_server_out(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5)
        row = server_row()
        row.failures = circuit_breaker.OPEN_AT
        db.session.commit()
        assert circuit_breaker.take_trial(row.id, now=clock.now())
        assert not circuit_breaker.take_trial(row.id, now=clock.now())
        db.session.commit()
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.STOPPED
        assert server.connections == 0


def test_lanes_that_see_one_breakdown_together_close_the_server_once(app: Flask) -> None:
    row = make_server()
    for _lane in range(3):
        circuit_breaker.note_failure(row.id, "gone", times=5, now=clock.now())
    db.session.commit()
    row = server_row()
    assert row.failures == circuit_breaker.OPEN_AT
    assert row.closed_until
    assert row.closed_until - clock.now() <= timedelta(seconds=60)


def test_a_server_that_takes_no_connection_is_asked_again_in_seconds_and_costs_nobody_an_attempt(
    each_database: Flask,
) -> None:
    waits = []
    with SmtpServer() as server:
        campaign = make_launched(server, people=20)
        row = server_row()
        row.port = free_port()
        db.session.commit()
        for _trial in range(4):
            assert lane_runner.send(id_of(campaign), timing=BRISK) is End.UNREACHABLE
            row = server_row()
            assert row.closed_until and row.last_error_at
            waits.append((row.closed_until - row.last_error_at).total_seconds())
            row.closed_until = clock.now() - timedelta(seconds=1)
            db.session.commit()
        assert waits == [1, 1.5, 2.25, 3.375]
        assert states(campaign) == {"pending": 20}
        assert db.session.scalar(sa.select(sa.func.sum(Delivery.attempts))) == 0
        server_row().port = server.port
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"sent": 20}
    assert set(copies(server).values()) == {1}


def test_a_trial_of_a_server_that_is_away_is_one_connection(app: Flask) -> None:
    with SmtpServer(replies={"BANNER": "421 4.3.2 not yet"}) as server:
        campaign = make_launched(server, people=50, connections=5)
        row = server_row()
        row.failures = circuit_breaker.OPEN_AT
        db.session.commit()
        assert lane_runner.send(id_of(campaign), timing=BRISK) is End.UNREACHABLE
        assert server.connections == 1
    row = server_row()
    assert row.closed_until and row.last_error_at
    assert row.closed_until - row.last_error_at == timedelta(seconds=1.5)


def test_a_server_that_hangs_is_asked_again_after_a_minute(app: Flask) -> None:
    """Each attempt holds a worker up."""
    row = make_server()
    rules = StopRules(fails_before_mails=True)
    assert rules.is_away
    rules.see(_unreachable())
    rules.end_window(0.0, hangs=True)
    assert not rules.is_away
    circuit_breaker.note_failure(row.id, "gone", times=5, is_away=rules.is_away, now=clock.now())
    db.session.commit()
    row = server_row()
    assert row.closed_until and row.last_error_at
    assert row.closed_until - row.last_error_at == timedelta(seconds=60)


def _unreachable() -> Verdict:
    return Verdict(1, 1, State.PENDING, phase=Phase.CONNECT, trouble=Trouble.UNREACHABLE)


def test_a_server_that_is_away_is_asked_within_half_of_the_time_for_which_it_has_been_away_or_a_minute() -> (
    None
):
    waits = [circuit_breaker.closed_for(each, is_away=True).total_seconds() for each in range(5, 30)]
    assert waits[0] == 1
    away_s = 5.0  # the tries before the first wait
    for wait in waits:
        assert wait <= max(1, min(60, away_s / 2))
        away_s += wait
    assert waits[-1] > 55


def test_closing_times_double_to_a_quarter_of_an_hour() -> None:
    assert [circuit_breaker.closed_for(number).total_seconds() for number in (5, 6, 7, 8, 9, 20)] == [
        60,
        120,
        240,
        480,
        900,
        900,
    ]


def test_a_server_that_asks_for_less_is_left_alone_for_a_minute_and_gets_half(app: Flask) -> None:
    with SmtpServer(replies={"END": "454 4.7.0 too many messages, slow down"}) as server:
        campaign = make_launched(server, people=20, connections=4)
        assert send(campaign) is End.STOPPED
        assert states(campaign) == {"pending": 19, "deferred": 1}
        row = server_row()
        assert row.usable_connections == 2
        assert row.closed_until
        assert row.closed_until > clock.now() + timedelta(seconds=40)
        assert fresh(campaign).status is Status.SENDING
        row.closed_until = clock.now()
        db.session.commit()
        send(campaign)
        row = server_row()
        assert row.usable_connections == 1
        assert row.closed_until
        assert row.closed_until > clock.now() + timedelta(seconds=100), "twice as long"


def test_an_eased_server_gets_its_connections_back_one_by_one(app: Flask) -> None:
    row = make_server(connections=4)
    circuit_breaker.ease(row.id, "slow down", now=clock.now())
    found = []
    for _step in range(3):
        db.session.commit()
        found.append((server_row().usable_connections, server_row().eased_to))
        circuit_breaker.unease(row.id)
    assert found == [(2, 2), (3, 3), (4, None)]


def test_waits_of_a_server_that_asks_for_less_double_to_ten_minutes() -> None:
    assert [circuit_breaker.eased_for(times).total_seconds() / 60 for times in (1, 2, 3, 4, 5, 9)] == [
        1,
        2,
        4,
        8,
        10,
        10,
    ]


@pytest.mark.parametrize("phase", ["BANNER", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "END"])
@pytest.mark.parametrize("keywords", [("PIPELINING", "CHUNKING"), ("PIPELINING",), ()])
def test_a_dropped_connection_loses_nobody_in_any_phase(
    app: Flask, phase: str, keywords: tuple[str, ...]
) -> None:
    with SmtpServer(keywords=keywords, drop_at={phase: 3}) as server:
        campaign = make_launched(server, people=60, size=30)
        send(campaign)
    assert states(campaign) == {"sent": 60}
    found = copies(server)
    assert len(found) == 60
    assert max(found.values()) <= 2


def test_a_421_now_and_then_costs_nothing(app: Flask) -> None:
    with SmtpServer(
        replies={"MAIL": lambda call: "421 4.3.2 bye" if call.count % 50 == 0 else None}
    ) as server:
        campaign = make_launched(server, people=300)
        send(campaign)
    assert states(campaign) == {"sent": 300}
    assert max(copies(server).values()) == 1


def test_a_mail_whose_answer_never_comes_is_in_doubt_once_and_unknown_twice(app: Flask) -> None:
    with SmtpServer(drop_at={"END": lambda call: "-7@" in call.rcpt_to}) as server:
        campaign = make_launched(server, people=20, connections=1)
        send(campaign)
    found = states(campaign)
    assert found["unknown"] >= 1
    assert found["sent"] + found["unknown"] == 20
    assert fresh(campaign).status is Status.FINISHED


def test_a_list_gone_bad_is_noticed_by_the_dispatcher(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=510)
    later = clock.now() + timedelta(seconds=5)
    db.session.execute(sa.update(Delivery).values(state=State.SENT, done_at=later).where(Delivery.id > 40))
    bad = {"state": State.FAILED, "reason": Reason.BAD_ADDRESS, "done_at": later}
    db.session.execute(sa.update(Delivery).values(bad).where(Delivery.id <= 40))
    db.session.execute(sa.update(Batch).values(tally=sa.null()))
    make_bounces(campaign, range(1, 41), at=later)
    db.session.commit()
    assert failure_rate.check(id_of(campaign), now=later)
    db.session.commit()
    assert fresh(campaign).pause_reason is PauseReason.BOUNCE_RATE
    services.resume(fresh(campaign), now=later + timedelta(seconds=1))
    db.session.commit()
    assert not failure_rate.check(id_of(campaign), now=later + timedelta(seconds=2)), "the operator knows"


def test_other_sending_hours_make_nobody_forget_what_went_wrong(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=510)
    now = clock.now()
    failed = {"state": State.FAILED, "reason": Reason.BAD_ADDRESS, "done_at": now}
    db.session.execute(sa.update(Delivery).values(failed))
    db.session.execute(sa.update(Batch).values(tally=sa.null()))
    make_bounces(campaign, range(1, 511), at=now)
    db.session.commit()
    planning_services.change_sending_hours(fresh(campaign), None, now=now + timedelta(seconds=1))
    db.session.commit()
    assert failure_rate.check(id_of(campaign), now=now + timedelta(seconds=2))


def test_lanes_too_short_to_notice_are_added_up_by_the_dispatcher(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=210)
    later = clock.now() + timedelta(seconds=5)
    ids = db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)).all()
    values = {"state": State.SENT, "done_at": later}
    db.session.execute(sa.update(Delivery).values(values).where(Delivery.id.in_(ids[:-8])))
    unmade = {"state": State.FAILED, "reason": Reason.CONTENT, "done_at": later}

    def fail(number: int) -> None:
        db.session.execute(sa.update(Delivery).values(unmade).where(Delivery.id.in_(ids[:number])))
        db.session.execute(sa.update(Batch).values(tally=sa.null()))
        db.session.commit()

    fail(2)  # one in a hundred may be chance
    assert not failure_rate.check(id_of(campaign), now=later)
    fail(3)
    assert failure_rate.check(id_of(campaign), now=later)
    db.session.commit()
    found = fresh(campaign)
    assert found.pause_reason is PauseReason.CONTENT
    assert found.pause_detail is not None
    assert "3 of 202 emails could not be rendered" in found.pause_detail
    services.resume(found, now=later + timedelta(seconds=1))
    db.session.commit()
    assert not failure_rate.check(id_of(campaign), now=later + timedelta(seconds=2)), "the operator knows"


def test_without_any_server_the_campaign_waits_and_says_so(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=2)
    db.session.execute(sa.delete(Server))
    db.session.commit()
    assert lane_runner.send(id_of(campaign)) is End.STOPPED
    assert fresh(campaign).pause_reason is PauseReason.SERVER_DOWN
    assert states(campaign) == {"pending": 2}


def test_a_mail_that_can_not_be_made_fails_alone(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5)
        from campaigns.audience.models import Subscriber

        person = db.session.scalars(sa.select(Subscriber).limit(1)).one()
        person.email = "not an address\r\nBcc: all@example.org"
        db.session.commit()
        send(campaign)
        assert len(server.messages) == 4
    assert states(campaign) == {"sent": 4, "failed": 1}
    assert [reason for _state, reason, _number in queries.reasons(id_of(campaign))] == [Reason.CONTENT]


def test_a_slow_server_does_not_cost_the_lease(each_database: Flask) -> None:
    with SmtpServer(replies={"END": lambda _call: time.sleep(0.6)}, keywords=()) as server:
        campaign = make_launched(server, people=4, size=4, connections=1)
        end = lane_runner.send(id_of(campaign), timing=Timing(lease_s=1.2, window=50))
        assert end is End.NOTHING
        assert tasks.reap(owner="test", now=clock.now()) == 0
    assert states(campaign) == {"sent": 4}
    assert set(copies(server).values()) == {1}


def test_who_lost_the_lease_finishes_no_mail(each_database: Flask) -> None:
    from tests.delivery.killed import frozen_lane

    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=150, size=150, connections=1)
        wake = frozen_lane(
            each_database, id_of(campaign), when=lambda: len(server.messages) >= 20, lease_s=1.2
        )
        time.sleep(1.3)
        send(campaign)
        assert states(campaign) == {"sent": 150}
        wake()
    found = copies(server)
    assert len(found) == 150
    assert len(server.messages) - 150 <= 11
    assert states(campaign) == {"sent": 150}
