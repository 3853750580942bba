"""What an answer means for the recipient, the server and the campaign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import Facts, Policy, Trouble, judge
from campaigns.delivery.models import Reason, State
from campaigns.delivery.sender.stop_rules import POLICY_IN_A_ROW, StopRules
from campaigns.mail.smtp import Outcome, Phase, Reply, Result
from tests.factories import NOON

FACTS = Facts(delivery_id=1, fence=3, attempts=0, doubts=0, started_at=NOON)


def refused(phase: Phase, code: int, text: str, enhanced: str | None = None) -> Result:
    return Result(1, Outcome.REFUSED, phase, Reply(code, text, enhanced), text)


def verdict(result: Result, facts: Facts = FACTS, *, holds: bool = False, now=NOON):
    return judge(result, facts, policy=Policy(holds=holds), now=now)


@pytest.mark.parametrize(
    ("result", "state", "reason", "trouble", "attempts"),
    [
        (Result(1, Outcome.ACCEPTED, Phase.END, Reply(250, "2.0.0 ok", "2.0.0")), State.SENT, None, None, 1),
        (refused(Phase.RCPT, 550, "5.1.1 no", "5.1.1"), State.FAILED, Reason.BAD_ADDRESS, None, 1),
        (refused(Phase.RCPT, 552, "5.2.2 full", "5.2.2"), State.FAILED, Reason.MAILBOX_FULL, None, 1),
        (refused(Phase.END, 554, "5.7.1 spam", "5.7.1"), State.FAILED, Reason.POLICY, Trouble.POLICY, 1),
        (refused(Phase.RCPT, 450, "4.2.0 later", "4.2.0"), State.DEFERRED, Reason.TEMPORARY, None, 1),
        (refused(Phase.RCPT, 452, "4.2.2 full", "4.2.2"), State.DEFERRED, Reason.MAILBOX_FULL, None, 1),
        (refused(Phase.RCPT, 451, "4.7.1 greylisted", "4.7.1"), State.DEFERRED, Reason.GREYLISTED, None, 1),
        (refused(Phase.MAIL, 550, "5.7.1 not you", "5.7.1"), State.PENDING, None, Trouble.ACCOUNT, 0),
        (refused(Phase.RCPT, 421, "bye"), State.PENDING, None, Trouble.UNREACHABLE, 0),
        (refused(Phase.END, 454, "4.7.0 too many", "4.7.0"), State.PENDING, None, Trouble.THROTTLE, 0),
        (Result(1, Outcome.NOT_SENT, Phase.CONNECT), State.PENDING, None, Trouble.UNREACHABLE, 0),
        (
            Result(1, Outcome.NOT_SENT, Phase.AUTH, Reply(535, "5.7.8 no", "5.7.8")),
            State.PENDING,
            None,
            Trouble.ACCOUNT,
            0,
        ),
        (
            Result(1, Outcome.UNSENDABLE, Phase.MAIL, Reply(550, "no path", "5.1.3")),
            State.FAILED,
            Reason.BAD_ADDRESS,
            None,
            1,
        ),
    ],
)
def test_each_answer_has_its_meaning(result, state, reason, trouble, attempts) -> None:
    found = verdict(result)
    assert (found.state, found.reason, found.trouble, found.attempts) == (state, reason, trouble, attempts)


def test_only_a_dead_address_is_a_hard_bounce() -> None:
    assert verdict(refused(Phase.RCPT, 550, "5.1.1 no", "5.1.1")).is_hard_bounce
    assert not verdict(refused(Phase.END, 554, "5.7.1 spam", "5.7.1")).is_hard_bounce
    assert not verdict(refused(Phase.RCPT, 552, "5.2.2 full", "5.2.2")).is_hard_bounce


def test_a_temporary_refusal_waits_longer_each_time_and_ends_too_late() -> None:
    result = refused(Phase.RCPT, 450, "4.2.0 later", "4.2.0")
    first = verdict(result)
    assert first.next_at and timedelta(minutes=4) <= first.next_at - NOON <= timedelta(minutes=6)
    third = verdict(result, FACTS._replace(attempts=2))
    assert third.next_at and third.next_at - NOON > timedelta(minutes=15)
    last = verdict(result, FACTS._replace(attempts=9), now=NOON + timedelta(hours=24))
    assert (last.state, last.reason) == (State.EXPIRED, Reason.TOO_LATE)


def test_a_mail_in_doubt_gets_one_more_try_and_never_two() -> None:
    lost = Result(1, Outcome.IN_DOUBT, Phase.END, None, "gone")
    once = verdict(lost)
    assert (once.state, once.doubts) == (State.PENDING, 1)
    again = verdict(lost, FACTS._replace(doubts=1))
    assert (again.state, again.reason) == (State.UNKNOWN, Reason.IN_DOUBT)


def test_a_mail_in_doubt_is_held_where_the_campaign_says_so() -> None:
    held = verdict(Result(1, Outcome.IN_DOUBT, Phase.END, None, "gone"), holds=True)
    assert held.state is State.UNKNOWN


def test_a_mail_that_breaks_every_connection_stands_back() -> None:
    broken = Result(1, Outcome.NOT_SENT, Phase.DATA, None, "gone")
    assert verdict(broken).state is State.PENDING
    assert verdict(broken, FACTS._replace(attempts=3)).state is State.DEFERRED


def test_policy_refusals_in_a_row_stop_the_campaign_and_one_less_does_not() -> None:
    spam = verdict(refused(Phase.END, 554, "5.7.1 spam", "5.7.1"))
    sent = verdict(Result(1, Outcome.ACCEPTED, Phase.END, Reply(250, "ok")))
    watch = StopRules()
    for _number in range(POLICY_IN_A_ROW - 1):
        watch.see(spam)
    watch.see(sent)
    assert watch.stop is None
    for _number in range(POLICY_IN_A_ROW):
        watch.see(spam)
    assert watch.stop and watch.stop.trouble is Trouble.POLICY
    assert "spam" in watch.stop.said


@pytest.mark.parametrize(("lanes", "least"), [(1, 16), (2, 8), (8, 7)])
def test_lanes_that_send_together_stop_at_their_part_of_the_refusals(lanes: int, least: int) -> None:
    watch = StopRules(lanes=lanes)
    spam = verdict(refused(Phase.END, 554, "5.7.1 spam", "5.7.1"))
    for _number in range(least - 1):
        watch.see(spam)
    assert watch.stop is None
    watch.see(spam)
    assert watch.stop is not None


def test_one_policy_refusal_in_ten_stops_the_campaign_once_there_are_enough() -> None:
    spam = verdict(refused(Phase.END, 554, "5.7.1 spam", "5.7.1"))
    sent = verdict(Result(1, Outcome.ACCEPTED, Phase.END, Reply(250, "ok")))
    watch = StopRules()
    for number in range(199):
        watch.see(spam if number % 10 == 0 else sent)
    assert watch.stop is None
    watch.see(sent)
    watch.see(spam)
    assert watch.stop and watch.stop.trouble is Trouble.POLICY


def test_what_could_not_be_made_names_the_reason() -> None:
    found = outcomes.not_composed(FACTS, "too large")
    assert (found.state, found.reason, found.reply) == (State.FAILED, Reason.CONTENT, "too large")
