"""A message meets a rule when it meets all of the rule's conditions."""

from __future__ import annotations

import pytest

from campaigns.inbound.reading.facts import read
from campaigns.inbound.rules.matching import Condition, How, Part, matches

RAW = (
    b"From: Ana <Ana@Team.example>\r\nTo: rule@news.example\r\nCc: Bo <bo@team.example>\r\n"
    b"Subject: =?utf-8?q?Stra=C3=9Fe?= frei\r\nX-Queue: urgent\r\n\r\nPlease\r\n  stop it.\r\n> quoted\r\n"
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(Part.FROM, How.EQUALS, "ana@team.example"), True),
        (Condition(Part.FROM, How.EQUALS, "ana@team"), False),
        (Condition(Part.FROM, How.CONTAINS, "@team."), True),
        (Condition(Part.TO, How.EQUALS, "bo@team.example"), True),
        (Condition(Part.SUBJECT, How.BEGINS, "STRASSE"), True),
        (Condition(Part.SUBJECT, How.BEGINS, "frei"), False),
        (Condition(Part.BODY, How.CONTAINS, "please stop"), True),
        (Condition(Part.HEADER, How.EQUALS, "Urgent", "X-Queue"), True),
        (Condition(Part.HEADER, How.EQUALS, "urgent", "X-Other"), False),
        (Condition(Part.BODY, How.CONTAINS, "  "), False),
        (Condition(Part.BODY, How.CONTAINS, "p.*e"), False),
    ],
)
def test_each_comparison(condition: Condition, expected: bool) -> None:
    assert matches([condition], read(RAW)) is expected
    assert Condition.of(condition.stored()) == condition


def test_all_have_to_be_met_and_none_are_met_by_none() -> None:
    first, second = Condition(Part.FROM, How.CONTAINS, "ana"), Condition(Part.FROM, How.CONTAINS, "bo")
    assert not matches([first, second], read(RAW))
    assert not matches([], read(RAW))
