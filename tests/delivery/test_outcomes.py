"""What an answer means for the recipient, the server and the campaign."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import Facts, Policy, Trouble, judge
from campaigns.delivery.models import Reason, State
from campaigns.mail.replies import Subject
from campaigns.mail.smtp import Outcome, Phase, Reply, Result
from tests.factories import NOON

FACTS = Facts(delivery_id=1, fence=3, attempts=0, doubts=0, started_at=NOON)


def refused(phase: Phase, code: int, text: str, enhanced: str | None = None) -> Result:
    return Result(1, Outcome.REFUSED, phase, Reply(code, text, enhanced), text)


def verdict(result: Result, facts: Facts = FACTS, *, holds: bool = False, now=NOON, subject=None):
    return judge(result, facts, subject=subject, policy=Policy(holds=holds), now=now)


@pytest.mark.parametrize(
    ("result", "state", "reason", "trouble", "attempts"),
    [
        (Result(1, Outcome.ACCEPTED, Phase.END, Reply(250, "2.0.0 ok", "2.0.0")), State.SENT, None, None, 1),
        (refused(Phase.RCPT, 550, "5.1.1 no", "5.1.1"), State.FAILED, Reason.BAD_ADDRESS, None, 1),
        (refused(Phase.RCPT, 552, "5.2.2 full", "5.2.2"), State.FAILED, Reason.MAILBOX_FULL, None, 1),
        (refused(Phase.END, 554, "5.7.1 spam", "5.7.1"), State.PENDING, None, Trouble.POLICY, 0),
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
    tried = FACTS._replace(attempts=9, tried_since=NOON)
    last = verdict(result, tried, now=NOON + timedelta(hours=24))
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


def test_a_claim_about_the_server_that_nobody_confirms_waits_charged_and_ends_only_when_said_twice() -> None:
    relay = refused(Phase.RCPT, 554, "5.7.1 Relay access denied", "5.7.1")

    def held(facts: Facts, *, is_proven: bool) -> tuple[State, Reason | None, int]:
        found = judge(relay, facts, subject=Subject.RECIPIENT, is_proven=is_proven, now=NOON)
        return found.state, found.reason, found.attempts

    assert held(FACTS, is_proven=True) == (State.DEFERRED, Reason.SERVER_REPLY, 1)
    again = FACTS._replace(attempts=1, reason=Reason.SERVER_REPLY)
    assert held(again, is_proven=False) == (State.DEFERRED, Reason.SERVER_REPLY, 2)
    assert held(again, is_proven=True) == (State.FAILED, Reason.POLICY, 2)
    greylisted = FACTS._replace(attempts=1, reason=Reason.GREYLISTED)
    assert held(greylisted, is_proven=True) == (State.DEFERRED, Reason.SERVER_REPLY, 2)


def test_a_protocol_error_never_ends_a_recipient() -> None:
    sequence = refused(Phase.RCPT, 503, "5.5.1 bad sequence", "5.5.1")
    facts = FACTS._replace(attempts=3, reason=Reason.PROTOCOL)
    found = judge(sequence, facts, subject=Subject.RECIPIENT, is_proven=True, now=NOON)
    assert (found.state, found.reason) == (State.DEFERRED, Reason.PROTOCOL)


def test_what_is_the_receivers_fault_charges_nobody_and_tells_all_lanes() -> None:
    busy = refused(Phase.RCPT, 451, "4.7.0 deferred", "4.7.0")
    found = judge(busy, FACTS, subject=Subject.RECEIVER, now=NOON)
    assert (found.state, found.reason, found.attempts) == (State.DEFERRED, Reason.RECEIVER, 0)
    assert found.strain is not None


def test_a_refusal_taken_back_waits_again() -> None:
    spam = verdict(refused(Phase.END, 554, "5.7.1 spam", "5.7.1"))
    verdicts = [spam]
    assert outcomes.withdraw(verdicts, {1, 2}) == {2}
    assert verdicts[0].state is State.PENDING
    assert FACTS._replace(reason=verdicts[0].reason).is_suspect


def test_what_could_not_be_made_names_the_reason() -> None:
    found = outcomes.not_composed(FACTS, "too large")
    assert (found.state, found.reason, found.reply) == (State.FAILED, Reason.CONTENT, "too large")
