"""The sentences that a report begins with."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.reports.headline import compared
from campaigns.reports.queries import Comparison, Figures

USUAL = Comparison(campaigns=8, opens=0.30, clicks=0.04, unsubscribes=0.01)


def make_figures(*, opens: int, clicks: int, unsubscribes: int) -> Figures:
    return Figures(audience=1000, sent=1000, opens=opens, clicks=clicks, unsubscribes=unsubscribes, failed=0)


def test_each_rate_is_compared_in_a_sentence_of_its_own(app: Flask) -> None:
    with app.test_request_context():
        figures = make_figures(opens=332, clicks=40, unsubscribes=5)
        assert compared(figures, USUAL, is_settled=True) == (
            "Compared with your last 8 campaigns. Opens are 3.2 points above your median."
            " Clicks are at your median. Unsubscribes are 0.5 points below your median."
        )


@pytest.mark.parametrize(("usual", "is_settled"), [(None, True), (USUAL, False)])
def test_what_cannot_be_compared_yet_says_when_it_can(
    app: Flask, usual: Comparison | None, is_settled: bool
) -> None:
    with app.test_request_context():
        figures = make_figures(opens=1, clicks=1, unsubscribes=1)
        assert compared(figures, usual, is_settled=is_settled).startswith("Compared with your ")
