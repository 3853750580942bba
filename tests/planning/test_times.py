"""Times on the operator's wall clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from campaigns.core.errors import Invalid
from campaigns.planning import times

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_time_is_read_on_the_clock_of_the_zone() -> None:
    assert times.moment("2026-12-01T09:00", BERLIN) == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert times.local_text(datetime(2026, 7, 1, 8, 0, tzinfo=UTC), BERLIN) == "2026-07-01T10:00"


def test_an_hour_that_the_clocks_skip_is_refused_with_another(app: Flask) -> None:
    with pytest.raises(Invalid, match="02:30 doesn't exist on that day in Europe/Berlin") as refused:
        times.moment("2027-03-28T02:30", BERLIN)
    assert refused.value.field == "at"


def test_an_hour_that_comes_twice_means_the_first() -> None:
    assert times.moment("2026-10-25T02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T09:00", "9999-12-31T23:59", "\0"])
def test_what_is_no_time_is_refused(app: Flask, text: str) -> None:
    with pytest.raises(Invalid):
        times.moment(text, ZoneInfo("America/Los_Angeles"))


def test_suggested_times_are_mornings_of_the_zone() -> None:
    now = datetime(2027, 3, 26, 23, 30, tzinfo=UTC)  # Saturday already in Berlin; clocks change on Sunday
    moments = [at for _words, at in times.suggestions(now, BERLIN)]
    assert [times.local_text(at, BERLIN) for at in moments] == [
        "2027-03-27T02:30",
        "2027-03-28T09:00",
        "2027-03-29T09:00",
    ]
