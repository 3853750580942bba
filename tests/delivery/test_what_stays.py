"""What an answer does not speak of stays as it was: every verdict, field by field."""

from __future__ import annotations

from datetime import timedelta

from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import Facts, Policy, Strain, Trouble, Verdict, judge
from campaigns.delivery.models import Reason, State
from campaigns.mail.replies import Subject
from campaigns.mail.smtp import Outcome, Phase, Reply, Result
from tests.factories import NOON

SPAN = timedelta(hours=6)
FACTS = Facts(
    delivery_id=11,
    fence=22,
    attempts=3,
    doubts=1,
    started_at=NOON - 2 * SPAN,
    group="example.org",
    reason=Reason.SERVER_REPLY,
    is_first=False,
    due_at=NOON - timedelta(minutes=5),
    tried_since=NOON - SPAN,
)
WAITS = Verdict(
    11,
    22,
    State.PENDING,
    Reason.SERVER_REPLY,
    attempts=3,
    doubts=1,
    next_at=NOON - timedelta(minutes=5),
    group="example.org",
    started_at=NOON - 2 * SPAN,
    tried_since=NOON - SPAN,
)
SINCE = NOON - SPAN + timedelta(minutes=5)  # for five minutes nobody sent it


def reply(phase: Phase, text: str) -> Result:
    code, _space, words = text.partition(" ")
    enhanced = words.split()[0] if words[1:2] == "." else None
    return Result(11, Outcome.REFUSED, phase, Reply(int(code), words, enhanced), words)


def told(verdict: Verdict, result: Result) -> Verdict:
    """The verdict, with what the server said."""
    assert result.reply is not None
    enhanced = result.reply.enhanced or None
    return verdict._replace(
        code=result.reply.code, enhanced=enhanced, reply=result.reply.text, phase=result.phase
    )


def test_what_was_accepted_keeps_its_doubts_and_says_what_the_server_said() -> None:
    result = Result(11, Outcome.ACCEPTED, Phase.END, Reply(250, "2.0.0 queued", "2.0.0"), "")
    found = judge(result, FACTS, now=NOON)
    sent = Verdict(11, 22, State.SENT, attempts=4, doubts=1, group="example.org")
    assert found == told(sent, result)
    without = Result(11, Outcome.ACCEPTED, Phase.END, Reply(250, "x" * 5000, ""), "")
    assert judge(without, FACTS, now=NOON).enhanced is None
    assert len(judge(without, FACTS, now=NOON).reply or "") == outcomes.LONGEST_REPLY


def test_what_is_given_back_is_as_it_was() -> None:
    assert outcomes.given_back(FACTS) == WAITS
    assert outcomes.given_back(FACTS._replace(is_first=True)).started_at is None, (
        "a Date that nobody has seen"
    )
    assert outcomes.given_back(FACTS._replace(reason=Reason.GREYLISTED)).reason is None


def test_what_is_put_off_waits_longer_and_loses_no_time() -> None:
    until = NOON + timedelta(minutes=2)
    since = NOON - SPAN + timedelta(minutes=7)
    off = WAITS._replace(state=State.DEFERRED, reason=Reason.RECEIVER, next_at=until, tried_since=since)
    assert outcomes.put_off(FACTS, until=until, is_stuck=False) == off
    assert outcomes.put_off(FACTS, until=until, is_stuck=True) == off._replace(strain=Strain.SOME)
    never_tried = FACTS._replace(tried_since=None)
    assert outcomes.put_off(never_tried, until=until, is_stuck=False).tried_since is None


def test_what_the_server_is_to_blame_for_costs_nothing() -> None:
    for text, trouble in (("421 4.3.2 bye", Trouble.UNREACHABLE), ("454 4.7.0 too many", Trouble.THROTTLE)):
        result = reply(Phase.END, text)
        found = judge(result, FACTS, subject=Subject.SERVER, now=NOON)
        assert found == told(WAITS._replace(trouble=trouble), result)


def test_what_was_said_before_the_mail_leaves_no_date() -> None:
    new = FACTS._replace(is_first=True)
    assert judge(reply(Phase.AUTH, "535 5.7.8 no"), new, now=NOON).started_at is None
    assert judge(reply(Phase.MAIL, "421 4.3.2 bye"), new, now=NOON).started_at == FACTS.started_at


def test_a_doubt_is_counted_and_ends_at_the_second() -> None:
    lost = Result(11, Outcome.IN_DOUBT, Phase.END, None, "gone  now")
    once = judge(lost, FACTS._replace(doubts=0), now=NOON)
    waits = WAITS._replace(
        reason=None, doubts=1, reply="gone now", phase=Phase.END, trouble=Trouble.UNREACHABLE
    )
    assert once == waits
    ends = waits._replace(state=State.UNKNOWN, reason=Reason.IN_DOUBT, doubts=2, next_at=None)
    assert judge(lost, FACTS, now=NOON) == ends
    held = judge(lost, FACTS._replace(doubts=0), policy=Policy(holds=True), now=NOON)
    assert held == ends._replace(doubts=1)


def test_a_broken_connection_is_charged_and_goes_at_once_until_it_has_to_stand_back() -> None:
    broken = Result(11, Outcome.NOT_SENT, Phase.DATA, None, "gone")
    found = judge(broken, FACTS._replace(attempts=0), now=NOON)
    again = WAITS._replace(
        attempts=1,
        next_at=NOON,
        tried_since=SINCE,
        reply="gone",
        phase=Phase.DATA,
        trouble=Trouble.UNREACHABLE,
    )
    assert found == again
    before = judge(Result(11, Outcome.NOT_SENT, Phase.CONNECT, None, "no"), FACTS, now=NOON)
    assert before == WAITS._replace(reply="no", phase=Phase.CONNECT, trouble=Trouble.UNREACHABLE)
    back = judge(broken, FACTS, now=NOON)
    assert (back.state, back.reason, back.attempts) == (State.DEFERRED, Reason.TEMPORARY, 4)
    assert back.next_at is not None and back.next_at > NOON


def test_what_its_receiver_is_to_blame_for_waits_uncharged() -> None:
    result = reply(Phase.RCPT, "451 4.7.1 try later")
    found = judge(result, FACTS, subject=Subject.RECEIVER, now=NOON)
    later = WAITS._replace(
        state=State.DEFERRED, reason=Reason.RECEIVER, tried_since=SINCE, next_at=found.next_at
    )
    assert found._replace(strain=None) == told(later, result)
    assert found.strain is not None
    refused = reply(Phase.END, "554 5.7.1 spam")
    ended = judge(refused, FACTS, subject=Subject.RECEIVER, now=NOON)
    assert ended == told(
        WAITS._replace(
            state=State.FAILED, reason=Reason.POLICY, attempts=4, next_at=None, strain=Strain.MUCH
        ),
        refused,
    )


def test_what_speaks_of_the_recipient_is_charged_to_it() -> None:
    gone = reply(Phase.RCPT, "550 5.1.1 user unknown")
    failed = WAITS._replace(state=State.FAILED, attempts=4, next_at=None)
    bounce = failed._replace(reason=Reason.BAD_ADDRESS, is_hard_bounce=True)
    assert judge(gone, FACTS, now=NOON) == told(bounce, gone)
    full = reply(Phase.RCPT, "452 4.2.2 mailbox full")
    found = judge(full, FACTS, now=NOON)
    later = WAITS._replace(
        state=State.DEFERRED,
        reason=Reason.MAILBOX_FULL,
        attempts=4,
        tried_since=SINCE,
        next_at=found.next_at,
    )
    assert found == told(later, full)
    assert found.next_at is not None and found.next_at > NOON


def test_who_was_tried_for_long_enough_gets_it_no_more() -> None:
    full = reply(Phase.RCPT, "452 4.2.2 mailbox full")
    found = judge(full, FACTS, policy=Policy(horizon=timedelta(hours=1)), now=NOON)
    late = WAITS._replace(state=State.EXPIRED, reason=Reason.TOO_LATE, attempts=4, next_at=None)
    assert found == told(late, full)


def test_a_mail_that_can_not_be_made_is_the_end_with_the_reason() -> None:
    found = outcomes.not_composed(FACTS, "no first name" + "." * 5000)
    assert found._replace(reply=None) == Verdict(
        11, 22, State.FAILED, Reason.CONTENT, attempts=4, doubts=1, started_at=NOON - 2 * SPAN
    )
    assert (found.reply or "").startswith("no first name") and len(
        found.reply or ""
    ) == outcomes.LONGEST_REPLY


def test_only_those_named_are_taken_back() -> None:
    verdicts = [
        Verdict(number, 1, State.FAILED, Reason.POLICY, attempts=1, strain=Strain.MUCH)
        for number in (1, 2, 3)
    ]
    assert outcomes.withdraw(verdicts, {2, 9}) == {9}
    assert [each.state for each in verdicts] == [State.FAILED, State.PENDING, State.FAILED]
    assert (verdicts[1].reason, verdicts[1].strain, verdicts[1].attempts) == (Reason.POLICY, None, 1)


def told_to_slow_down(text: str, subject: Subject | None) -> Strain | None:
    return judge(reply(Phase.RCPT, text), FACTS, subject=subject, now=NOON).strain


def test_a_receiver_that_says_we_are_too_fast_is_under_more_strain_than_one_that_is_busy() -> None:
    assert told_to_slow_down("421 4.7.28 rate limited", Subject.RECEIVER) is Strain.MUCH
    assert told_to_slow_down("451 4.3.0 Temporary local problem", Subject.RECEIVER) is Strain.SOME
    assert (
        told_to_slow_down("550 5.3.2 System not accepting network messages", Subject.RECEIVER) is Strain.MUCH
    )


def test_a_claim_about_others_that_nobody_confirms_still_makes_us_careful_with_the_receiver() -> None:
    assert told_to_slow_down("421 4.7.28 rate limited", Subject.RECIPIENT) is Strain.SOME
    assert told_to_slow_down("450 4.2.0 Greylisted, come back in 5 minutes", None) is None, "about one alone"


def test_who_waits_for_a_receiver_is_spaced_like_one_more_attempt_and_charged_none() -> None:
    first = FACTS._replace(attempts=1, tried_since=NOON, due_at=None)
    for _time in range(20):
        found = judge(reply(Phase.RCPT, "451 4.3.0 Busy"), first, subject=Subject.RECEIVER, now=NOON)
        assert found.attempts == 1
        assert found.next_at is not None
        assert timedelta(minutes=8) <= found.next_at - NOON <= timedelta(minutes=12), (
            "the second wait: 10 min"
        )


def test_who_is_greylisted_comes_back_no_earlier_than_said() -> None:
    first = FACTS._replace(attempts=0, tried_since=NOON, due_at=None)
    for _time in range(40):
        found = judge(reply(Phase.RCPT, "450 4.2.0 Greylisted, come back in 5 minutes"), first, now=NOON)
        assert found.reason is Reason.GREYLISTED
        assert found.next_at is not None and found.next_at - NOON >= timedelta(minutes=5)


def test_a_claim_about_us_ends_a_recipient_only_where_the_server_accepts_others_meanwhile() -> None:
    refused = reply(Phase.RCPT, "550 5.7.1 Sender is not allowed to relay here")
    unproven = judge(refused, FACTS, subject=Subject.RECIPIENT, now=NOON)
    proven = judge(refused, FACTS, subject=Subject.RECIPIENT, is_proven=True, now=NOON)
    assert (unproven.state, proven.state) == (State.DEFERRED, State.FAILED)


def test_what_the_server_said_is_kept_and_not_our_own_note_of_it() -> None:
    result = Result(11, Outcome.REFUSED, Phase.RCPT, Reply(451, "4.3.0 its own words", "4.3.0"), "our note")
    assert judge(result, FACTS, now=NOON).reply == "4.3.0 its own words"
    broken = Result(11, Outcome.NOT_SENT, Phase.CONNECT, None, "connection refused")
    assert judge(broken, FACTS, now=NOON).reply == "connection refused"
