"""The checker of the fault run detects what it has to detect."""

from __future__ import annotations

import pytest

from campaigns.delivery.models import State
from tests.faults.sink import Receipt
from tests.faults.verdict import Findings, Row, examine

ANA, BEN = "ana@example.org", "ben@example.org"


def got(*addresses: str) -> list[Receipt]:
    return [Receipt(each, f"<{each}>", 1.0, 2.0) for each in addresses]


def sent(*addresses: str, doubts: int = 0) -> list[Row]:
    return [Row(each, State.SENT, doubts) for each in addresses]


def found(rows: list[Row], receipts: list[Receipt], **values: object) -> Findings:
    return examine(rows, receipts, wanted=(ANA, BEN), **values)  # type: ignore[arg-type]


def test_a_ledger_that_agrees_with_the_sink_is_in_order() -> None:
    assert found(sent(ANA, BEN), got(ANA, BEN)) == Findings()


def test_a_mail_that_is_sent_by_the_ledger_and_never_came_is_lost() -> None:
    findings = found(sent(ANA, BEN), got(ANA))
    assert findings.lost == 1
    assert "is lost" in findings.problems[0]


def test_a_recipient_without_a_row_is_lost() -> None:
    findings = found(sent(ANA), got(ANA))
    assert findings.lost == 1
    assert any("add up to 1" in each for each in findings.problems)


def test_a_recipient_who_waits_when_all_is_over_is_lost() -> None:
    findings = found([*sent(ANA), Row(BEN, State.DEFERRED)], got(ANA))
    assert findings.lost == 1
    assert any("still waits" in each for each in findings.problems)
    assert not found([*sent(ANA), Row(BEN, State.DEFERRED)], got(ANA), is_over=False).problems


def test_a_copy_beyond_the_bound_is_found() -> None:
    rows = [*sent(ANA), *sent(BEN, doubts=1)]
    assert found(rows, got(ANA, BEN, BEN), bound=1) == Findings(duplicates=1)
    assert found(rows, got(ANA, BEN, BEN), bound=0).problems == ["1 duplicates, at most 0 were allowed"]


def test_what_may_end_unknown_is_counted_by_itself() -> None:
    rows = [*sent(ANA), Row(BEN, State.UNKNOWN, 2)]
    assert found(rows, got(ANA), in_doubt=1).problems == []
    assert found(rows, got(ANA), bound=1, in_doubt=0).problems == [
        "1 ended unknown, at most 0 may be in doubt"
    ]


def test_a_second_copy_that_the_ledger_knows_nothing_of_is_found() -> None:
    assert "knows of no doubt" in found(sent(ANA, BEN), got(ANA, BEN, BEN), bound=1).problems[0]


def test_a_third_copy_is_too_much_whatever_the_bound() -> None:
    rows = [*sent(ANA), *sent(BEN, doubts=2)]
    assert "more than 2 copies" in found(rows, got(ANA, BEN, BEN, BEN), bound=9).problems[0]


def test_an_unknown_end_is_found_where_nothing_was_cut_off_after_a_final_dot() -> None:
    rows = [*sent(ANA), Row(BEN, State.UNKNOWN, doubts=1)]
    assert found(rows, got(ANA), bound=1) == Findings(unknown=1)
    assert found(rows, got(ANA)).problems == ["1 ended unknown, at most 0 may be in doubt"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row(BEN, State.FAILED), "and got it"),
        (Row(BEN, State.SKIPPED), "and got it"),
        (Row(BEN, State.CANCELLED), "and got it"),
        (Row(BEN, State.UNKNOWN), "unknown without a doubt"),
        (Row(BEN, State.SENDING), "sending while nobody sends"),
    ],
)
def test_a_wrong_state_is_found(row: Row, words: str) -> None:
    problems = found([*sent(ANA), row], got(ANA, BEN), refused=[BEN]).problems
    assert any(words in each for each in problems)


def test_a_failure_that_no_server_spoke_of_is_found() -> None:
    assert "never refused" in found([*sent(ANA), Row(BEN, State.FAILED)], got(ANA)).problems[0]
    assert found([*sent(ANA), Row(BEN, State.FAILED)], got(ANA), refused=[BEN]) == Findings()


def test_a_stranger_who_gets_the_mail_is_found() -> None:
    assert "uninvited" in found(sent(ANA, BEN), got(ANA, BEN, "eve@example.org")).problems[0]


def test_a_second_copy_under_another_name_is_found() -> None:
    rows = [*sent(ANA), *sent(BEN, doubts=1)]
    other = Receipt(BEN, "<another>", 1.0, 2.0)
    assert "Message-ID" in found(rows, [*got(ANA, BEN), other], bound=1).problems[0]
