"""When the rest will be out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.delivery.forecast import Pacing, expected_end
from campaigns.planning import windows

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
OFFICE = windows.parse("mon-fri 09:00-17:00 Europe/Vienna")


def after(number: int, pacing: Pacing) -> timedelta | None:
    end = expected_end(number, pacing, start=MONDAY)
    return None if end is None else end - MONDAY


def test_without_limits_the_rate_decides() -> None:
    assert after(600, Pacing(per_second=10)) == timedelta(minutes=1)
    assert after(0, Pacing(per_second=10)) == timedelta(0)
    assert after(5, Pacing(per_second=0)) is None


def test_a_limit_by_the_hour_lets_the_rest_wait_for_the_next_hour() -> None:
    pacing = Pacing(per_second=100, per_hour=600)
    assert after(600, pacing) == timedelta(seconds=6)
    assert after(700, pacing) == timedelta(hours=1, seconds=1)
    assert after(1300, pacing) == timedelta(hours=2, seconds=1)


def test_what_was_sent_in_this_hour_counts() -> None:
    assert after(300, Pacing(per_second=100, per_hour=600, free_this_hour=200)) == timedelta(
        hours=1, seconds=1
    )


def test_hours_closed_for_the_night_are_not_sent_in() -> None:
    pacing = Pacing(per_second=1, window=OFFICE)
    assert after(8 * 3600, pacing) == timedelta(hours=8)
    assert after(8 * 3600 + 60, pacing) == timedelta(days=1, seconds=60)
    friday = MONDAY + timedelta(days=4)
    end = expected_end(8 * 3600 + 60, pacing, start=friday)
    assert end == MONDAY + timedelta(days=7, seconds=60)


def test_a_warm_up_sends_day_by_day_what_the_days_allow() -> None:
    pacing = Pacing(
        per_second=10,
        warm_up_from=date(2026, 3, 2),
        warm_up_curve=[50, 100, 500],
        used_today=20,
        zone=VIENNA,
    )
    midnight = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert expected_end(30, pacing, start=MONDAY) == MONDAY + timedelta(seconds=3)
    assert expected_end(130, pacing, start=MONDAY) == midnight + timedelta(seconds=10)
    assert expected_end(1630, pacing, start=MONDAY) == midnight + timedelta(days=2, seconds=100)


def test_a_limit_that_takes_for_ever_has_no_end() -> None:
    assert after(10**9, Pacing(per_second=100, per_hour=1)) is None


@settings(deadline=None)
@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.integers(1, 3000),
    st.integers(1, 9000),
    st.sampled_from([None, OFFICE]),
)
def test_more_mails_never_end_earlier_and_limits_never_help(
    number: int, more: int, per_hour: int, per_day: int, window: windows.Window | None
) -> None:
    pacing = Pacing(per_second=5, per_hour=per_hour, per_day=per_day, window=window)
    some, all_ = after(number, pacing), after(number + more, pacing)
    free = after(number, Pacing(per_second=5, window=window))
    if all_ is not None:
        assert some is not None
        assert some <= all_
    if some is not None:
        assert free is not None
        assert free <= some
