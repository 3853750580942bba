"""Whose fault is a reply? What it takes to believe a claim, and what no single recipient can do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.routing.evidence import (
    CONTENT_AT_LEAST,
    CONTENT_IN_A_ROW,
    CONTENT_IS_SERIOUS,
    CONTENT_OF_LAST,
    MOST_RECEIVERS,
    MOST_WITNESSES,
    THROTTLED_AT_LEAST,
    Answer,
    Charge,
    Evidence,
    Run,
)
from campaigns.mail.protocol import Phase, Reply
from campaigns.mail.replies import BROKEN, DOUBT, Subject, classify
from tests.factories import NOON

CLAIMS = {
    "throttle": (Phase.RCPT, "451 4.7.0 deferred"),
    "closing": (Phase.END, "421 4.3.2 closing"),
    "relay": (Phase.RCPT, "554 5.7.1 Relay access denied"),
    "quota": (Phase.END, "550 5.4.5 Daily sending quota exceeded"),
    "spam": (Phase.END, "554 5.7.1 spam"),
    "sequence": (Phase.RCPT, "503 5.5.1 bad sequence"),
    "trouble": (Phase.RCPT, "451 4.3.0 temporary lookup failure"),
}


def answer(name: str, recipient: int, receiver: str = "", **values) -> Answer:
    phase, text = CLAIMS[name]
    code, _, words = text.partition(" ")
    enhanced = words.split()[0] if words[:2] in ("4.", "5.") else None
    meaning = classify(phase, Reply(int(code), words, enhanced))
    receiver = receiver or f"domain{recipient}.example"
    return Answer(meaning, phase, recipient, receiver, **{"first_tried": NOON, "said": text, **values})


def heard(evidence: Evidence, name: str, recipient: int, receiver: str = "", **values) -> Subject:
    return evidence.weigh(answer(name, recipient, receiver, **values)).subject


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("throttle", Subject.SERVER),
        ("closing", Subject.SERVER),
        ("relay", Subject.ACCOUNT),
        ("quota", Subject.ACCOUNT),
    ],
)
def test_a_second_recipient_at_another_receiver_confirms_what_a_server_says_of_itself_or_us(
    name: str, subject: Subject
) -> None:
    evidence = Evidence()
    assert heard(evidence, name, 1) is Subject.RECIPIENT
    assert heard(evidence, name, 1) is Subject.RECIPIENT, "the same recipient again is no second one"
    assert heard(evidence, name, 2) is subject


@pytest.mark.parametrize("name", ["throttle", "closing", "relay", "quota", "sequence", "trouble"])
def test_with_an_acceptance_between_it_stays_the_recipients(name: str) -> None:
    evidence = Evidence()
    for number in range(50):
        assert heard(evidence, name, number) is Subject.RECIPIENT
        evidence.accept("other.example")
        evidence.accept("another.example")
        evidence.accept("a third.example")
        evidence.accept("a fourth.example")


@pytest.mark.parametrize("name", list(CLAIMS))
def test_one_receiver_speaks_for_itself_however_many_of_its_recipients_get_it(name: str) -> None:
    evidence = Evidence()
    found = [heard(evidence, name, number, "firm.example") for number in range(300)]
    assert set(found) == {Subject.RECIPIENT, Subject.RECEIVER}
    assert found[-1] is Subject.RECEIVER
    evidence.accept("other.example")
    assert heard(evidence, name, 301, "firm.example") is Subject.RECEIVER, "others' email goes on"
    evidence.accept("firm.example")
    assert heard(evidence, name, 302, "firm.example") is Subject.RECIPIENT


@pytest.mark.parametrize("meaning", [BROKEN, DOUBT])
def test_two_broken_connections_in_a_row_are_the_servers_wherever_the_email_goes(meaning) -> None:
    evidence = Evidence()
    found = [
        evidence.weigh(Answer(meaning, Phase.DATA, number, "firm.example", first_tried=NOON)).subject
        for number in (1, 2)
    ]
    assert found == [Subject.RECIPIENT, Subject.SERVER]


def test_what_is_said_before_a_recipient_is_named_is_nobodys_elses() -> None:
    evidence = Evidence()
    refused = classify(Phase.AUTH, Reply(535, "5.7.8 no", "5.7.8"))
    assert evidence.weigh(Answer(refused, Phase.AUTH, 1, "a", first_tried=NOON)).subject is Subject.ACCOUNT
    away = classify(Phase.CONNECT, None)
    assert evidence.weigh(Answer(away, Phase.CONNECT, 1, "a", first_tried=NOON)).subject is Subject.SERVER


def test_a_server_that_limits_the_rate_is_believed_although_it_accepts_some() -> None:
    evidence = Evidence()
    found = []
    for number in range(THROTTLED_AT_LEAST):
        found.append(heard(evidence, "throttle", number, f"domain{number % 3}.example"))
        evidence.accept("other.example")
        evidence.accept("other.example")
    assert Subject.SERVER not in found[:-1]
    assert found[-1] is Subject.SERVER


def test_who_got_it_before_while_others_are_accepted_is_no_witness() -> None:
    later = NOON + timedelta(minutes=6)
    evidence = Evidence(last_ok_at=NOON + timedelta(seconds=1))
    for number in range(20):
        finding = evidence.weigh(answer("relay", number, is_suspect=True))
        assert (finding.subject, finding.is_proven) == (Subject.RECIPIENT, True)
    evidence = Evidence(last_ok_at=NOON)  # nobody was accepted since these were first tried
    assert not evidence.weigh(answer("relay", 1, is_suspect=True, first_tried=later)).is_proven
    assert heard(evidence, "relay", 2, is_suspect=True, first_tried=later) is Subject.ACCOUNT
    began = Evidence(last_ok_at=NOON, began_at=NOON - timedelta(hours=1))  # but others before
    found = [began.weigh(answer("relay", number, is_suspect=True, first_tried=later)) for number in range(9)]
    assert {each.subject for each in found} == {Subject.RECIPIENT}
    assert not any(each.is_proven for each in found), "which ends nobody"


def test_content_is_at_fault_when_many_receivers_refuse_it_in_a_row() -> None:
    evidence = Evidence()
    found = [heard(evidence, "spam", number) for number in range(CONTENT_IN_A_ROW)]
    assert found[:-1] == [Subject.RECIPIENT] * (CONTENT_IN_A_ROW - 1)
    assert found[-1] is Subject.CONTENT


def test_a_firm_that_refuses_us_does_not_stop_the_rest_even_with_a_few_others() -> None:
    evidence = Evidence()
    for number in range(300):
        assert heard(evidence, "spam", number, "firm.example") is not Subject.CONTENT
    for number in range(300, 307):
        assert heard(evidence, "spam", number) is Subject.RECIPIENT
    assert heard(evidence, "spam", 307) is Subject.CONTENT


def test_one_refusal_in_ten_is_too_much_once_there_are_two_hundred_answers() -> None:
    def course(receivers: int) -> list[Subject]:
        evidence, found = Evidence(), []
        for number in range(220):
            if number % 10 == 0:
                found.append(heard(evidence, "spam", number, f"domain{number // 10 % receivers}.example"))
            else:
                evidence.accept("other.example")
        return found

    assert course(receivers=4)[-1] is Subject.CONTENT
    assert Subject.CONTENT not in course(receivers=1)


@pytest.mark.parametrize(("lanes", "least"), [(1, 16), (2, 8), (8, 7)])
def test_lanes_that_send_together_believe_at_their_part(lanes: int, least: int) -> None:
    evidence = Evidence(lanes=lanes)
    found = [heard(evidence, "spam", number) for number in range(least)]
    assert found[-1] is Subject.CONTENT
    assert Subject.CONTENT not in found[:-1]


def test_a_few_refusals_narrow_what_is_on_the_wire() -> None:
    evidence = Evidence()
    for number in range(CONTENT_IS_SERIOUS - 1):
        heard(evidence, "spam", number)
    assert evidence.room is None
    heard(evidence, "spam", 100)
    assert evidence.room == CONTENT_IN_A_ROW - CONTENT_IS_SERIOUS
    evidence.accept("a.example")
    assert evidence.room is None


def test_the_next_lane_goes_on_where_this_one_stopped() -> None:
    first = Evidence()
    for number in range(CONTENT_IN_A_ROW - 1):
        heard(first, "spam", number)
    second = Evidence()
    second.load(first.dump())
    assert heard(second, "spam", 99) is Subject.CONTENT
    first.accept("a.example")
    assert first.dump() is None
    second.load({"nonsense": {"at": {}}})


def test_the_only_receiver_there_is_leaves_the_question_to_the_operator() -> None:
    evidence = Evidence()
    heard(evidence, "relay", 1, "firm.example")
    assert evidence.unanswered() is Charge.ACCOUNT
    for number in range(CONTENT_AT_LEAST):
        heard(Evidence(), "spam", number, "firm.example")
    served = Evidence()
    heard(served, "relay", 1)
    served.weigh(
        Answer(classify(Phase.RCPT, Reply(550, "5.1.1 no", "5.1.1")), Phase.RCPT, 2, "a", first_tried=NOON)
    )
    assert served.unanswered() is None, "a server that tells recipients apart knows us"
    began = Evidence(last_ok_at=NOON + timedelta(seconds=1), began_at=NOON)
    heard(began, "relay", 1)
    assert began.unanswered() is None


def test_what_stands_open_is_told_whole_and_what_is_not_understood_is_left_out() -> None:
    first = Evidence()
    for number in range(CONTENT_AT_LEAST - 1):
        heard(first, "spam", number, "firm.example", said=f"554 no {number}")
    heard(first, "relay", 90)
    kept = first.dump()
    at = {"firm.example": list(range(CONTENT_AT_LEAST - 1))}
    assert kept == {"content": {"said": f"554 no {CONTENT_AT_LEAST - 2}", "at": at}}, (
        "two more are soon found again"
    )
    second = Evidence()
    second.load({"nonsense": {"at": {"x": [1]}}, **kept, "protocol": {}})
    assert second.dump() == {**kept, "protocol": {"said": "", "at": {}}}
    assert heard(second, "spam", 99, "firm.example") is Subject.RECEIVER, "its own recipients add up too"
    without_words = Evidence()
    without_words.load({"content": {"at": {"a.example": [7]}}})
    assert without_words.dump() == {"content": {"said": "", "at": {"a.example": [7]}}}


def test_an_acceptance_answers_every_open_question() -> None:
    evidence = Evidence()
    heard(evidence, "relay", 1, "firm.example")
    evidence.accept("firm.example")
    assert (evidence.unanswered(), evidence.has_accepted, evidence.runs) == (None, True, {})
    heard(evidence, "relay", 2, "firm.example")
    assert evidence.unanswered() is None, "it knew us a moment ago"


def test_refusals_of_recipients_are_no_refusals_of_content_and_no_limit_of_the_rate() -> None:
    evidence = Evidence()
    for number in range(CONTENT_OF_LAST + 50):
        dead = Answer(
            classify(Phase.RCPT, Reply(550, "5.1.1 no", "5.1.1")),
            Phase.RCPT,
            number,
            f"d{number}.example",
            first_tried=NOON,
        )
        evidence.weigh(dead)
        evidence.accept("a.example")
    assert evidence.refused == set()
    assert heard(evidence, "spam", 999) is Subject.RECIPIENT
    assert heard(evidence, "throttle", 998) is Subject.RECIPIENT
    assert evidence.refused == {999}
    for _number in range(CONTENT_OF_LAST):
        evidence.accept("a.example")
    assert evidence.refused == set(), "that was long ago"


def test_a_run_keeps_enough_witnesses_and_no_more() -> None:
    run = Run()
    for number in range(MOST_WITNESSES + 9):
        run.add(number, "firm.example", "no")
    assert run.number == MOST_WITNESSES
    for number in range(MOST_RECEIVERS + 9):
        run.add(number, f"d{number}.example", "no")
    assert run.receivers == MOST_RECEIVERS
    run.add(MOST_WITNESSES + 1, "d1.example", "last words")
    assert run.number == MOST_WITNESSES + MOST_RECEIVERS, "one more at a receiver that is known"
    assert run.said == "last words"


@given(
    st.lists(st.tuples(st.sampled_from(list(CLAIMS)), st.booleans()), min_size=1, max_size=120),
)
def test_nothing_one_recipient_provokes_is_held_against_the_server(course: list[tuple[str, bool]]) -> None:
    evidence = Evidence()
    for name, is_accepted in course:
        if is_accepted:
            evidence.accept("other.example")
        found = heard(evidence, name, 7, "firm.example")
        assert found in (Subject.RECIPIENT, Subject.RECEIVER)


@pytest.mark.parametrize(
    ("name", "charge", "least"), [("relay", Charge.ACCOUNT, 1), ("sequence", Charge.PROTOCOL, 5)]
)
def test_what_stands_open_of_one_receiver_takes_as_many_as_speak_against_it(
    name: str, charge: Charge, least: int
) -> None:
    evidence = Evidence(lanes=1)
    for recipient in range(1, least + 1):
        assert evidence.unanswered() is None, f"{recipient - 1} recipients are too few"
        heard(evidence, name, recipient, "one.example")
    assert evidence.unanswered() is charge
