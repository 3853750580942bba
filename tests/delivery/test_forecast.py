"""When the rest will be out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.progress.eta import Pacing, ReceiverPace, ServerPace, expected_end
from campaigns.planning import windows

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
OFFICE = windows.parse("mon-fri 09:00-17:00 Europe/Vienna")


def one(per_second: float, *, window: windows.Window | None = None, **limits: Any) -> Pacing:
    """One server, and nothing else that sets the timing."""
    return Pacing([ServerPace(per_second, **limits)], zone=VIENNA, window=window)


def after(number: int, pacing: Pacing) -> timedelta | None:
    end = expected_end(number, pacing, start=MONDAY)
    return None if end is None else end - MONDAY


def test_without_limits_the_rate_decides() -> None:
    assert after(600, one(10)) == timedelta(minutes=1)
    assert after(0, one(10)) == timedelta(0)
    assert after(5, one(0)) is None


def test_a_limit_by_the_hour_lets_the_rest_wait_for_the_next_hour() -> None:
    pacing = one(100, per_hour=600)
    assert after(600, pacing) == timedelta(seconds=6)
    assert after(700, pacing) == timedelta(hours=1, seconds=1)
    assert after(1300, pacing) == timedelta(hours=2, seconds=1)


def test_what_was_sent_in_this_hour_counts() -> None:
    assert after(300, one(100, per_hour=600, free_this_hour=200)) == timedelta(hours=1, seconds=1)


def test_hours_closed_for_the_night_are_not_sent_in() -> None:
    pacing = one(1, window=OFFICE)
    assert after(8 * 3600, pacing) == timedelta(hours=8)
    assert after(8 * 3600 + 60, pacing) == timedelta(days=1, seconds=60)
    friday = MONDAY + timedelta(days=4)
    end = expected_end(8 * 3600 + 60, pacing, start=friday)
    assert end == MONDAY + timedelta(days=7, seconds=60)


def test_a_warm_up_sends_day_by_day_what_the_days_allow() -> None:
    pacing = one(
        10,
        warm_up_from=date(2026, 3, 2),
        warm_up_curve=[50, 100, 500],
        used_today=20,
    )
    midnight = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert expected_end(30, pacing, start=MONDAY) == MONDAY + timedelta(seconds=3)
    assert expected_end(130, pacing, start=MONDAY) == midnight + timedelta(seconds=10)
    assert expected_end(1630, pacing, start=MONDAY) == midnight + timedelta(days=2, seconds=100)


def test_servers_that_share_the_work_each_keep_their_own_limits() -> None:
    warming = ServerPace(10, warm_up_from=date(2026, 3, 2), warm_up_curve=[50, 100, 500])
    other = ServerPace(10, warm_up_from=date(2026, 3, 1), warm_up_curve=[50, 100, 500])
    both = Pacing([warming, other], zone=VIENNA)
    midnight = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    assert after(150, both) == timedelta(seconds=10)  # 50 and 100, beside each other
    assert expected_end(151, both, start=MONDAY) == midnight + timedelta(seconds=1 / 20)
    assert after(1000, Pacing([warming, ServerPace(10)], zone=VIENNA)) == timedelta(seconds=95)
    hourly = Pacing([ServerPace(10, per_hour=60), ServerPace(10, per_hour=30)])
    assert after(90, hourly) == timedelta(seconds=6)
    assert after(100, hourly) == timedelta(hours=1, seconds=0.5)


def test_a_server_that_sends_nothing_is_no_help_and_one_alone_has_no_end() -> None:
    assert after(100, Pacing([ServerPace(0), ServerPace(10)])) == timedelta(seconds=10)
    assert after(100, Pacing([ServerPace(0)])) is None
    assert after(100, Pacing([])) is None


def test_a_limited_receiver_sets_the_end_when_its_queue_is_the_longest() -> None:
    def limited(*receivers: ReceiverPace, window: windows.Window | None = None) -> Pacing:
        return Pacing([ServerPace(100)], receivers=receivers, window=window)

    assert after(1000, limited(ReceiverPace(300, 1.0))) == timedelta(minutes=5)
    assert after(1000, limited(ReceiverPace(300, 1.0), ReceiverPace(60, 0.1))) == timedelta(minutes=10)
    assert after(1000, limited(ReceiverPace(5, 1.0))) == timedelta(seconds=10)
    unknown = Pacing([ServerPace(0)], receivers=[ReceiverPace(300, 1.0)])
    assert after(300, unknown) == timedelta(minutes=5), "all that is left waits for that one"
    assert after(301, unknown) is None
    long = limited(ReceiverPace(8 * 3600 + 60, 1.0), window=OFFICE)
    assert after(90_000, long) == timedelta(days=1, seconds=60)


def test_a_limit_that_takes_for_ever_has_no_end() -> None:
    assert after(10**9, one(100, per_hour=1)) is None


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
    pacing = one(5, per_hour=per_hour, per_day=per_day, window=window)
    some, all_ = after(number, pacing), after(number + more, pacing)
    free = after(number, one(5, window=window))
    if all_ is not None:
        assert some is not None
        assert some <= all_
    if some is not None:
        assert free is not None
        assert free <= some
