"""Sending hours, over every zone's two strange nights."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import Invalid
from campaigns.planning import windows
from campaigns.planning.windows import Window, is_open, next_opening, remaining

VIENNA = ZoneInfo("Europe/Vienna")
OFFICE = windows.parse("mon-fri 09:00-17:00 Europe/Vienna")
NIGHT = windows.parse("fri 22:00-06:00 Europe/Vienna")

ZONES = st.sampled_from(
    [
        *("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"),
        *("Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Chatham"),
    ]
).map(ZoneInfo)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
WINDOWS = st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), TIMES, TIMES, ZONES)
MOMENTS = st.datetimes(
    datetime(2008, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC), allow_imaginary=False
).map(lambda moment: moment.replace(microsecond=0))


def at(text: str, zone: ZoneInfo = VIENNA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-02T09:00", True),  # a Monday
        ("2026-03-02T08:59", False),
        ("2026-03-06T16:59", True),
        ("2026-03-06T17:00", False),
        ("2026-03-07T12:00", False),
    ],
)
def test_office_hours_are_open_from_the_first_to_before_the_last_minute(moment: str, expected: bool) -> None:
    assert is_open(OFFICE, at(moment)) is expected


def test_after_friday_evening_comes_monday_morning() -> None:
    assert next_opening(OFFICE, at("2026-03-06T17:00")) == at("2026-03-09T09:00")
    assert remaining(OFFICE, at("2026-03-06T16:45")) == timedelta(minutes=15)
    assert remaining(OFFICE, at("2026-03-06T17:00")) == timedelta(0)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    assert is_open(NIGHT, at("2026-03-07T05:59"))
    assert not is_open(NIGHT, at("2026-03-07T06:00"))
    assert not is_open(NIGHT, at("2026-03-06T05:00"))


def test_a_bound_in_the_skipped_hour_moves_to_the_change() -> None:
    opens_in_gap = windows.parse("sun 02:30-05:00 Europe/Vienna")
    closes_in_gap = windows.parse("sun 01:00-02:30 Europe/Vienna")
    change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert next_opening(opens_in_gap, at("2026-03-28T12:00")) == change
    assert remaining(closes_in_gap, at("2026-03-29T01:00")) == timedelta(hours=1)
    assert not is_open(closes_in_gap, change)


def test_the_hour_that_comes_twice_is_no_second_opening() -> None:
    window = windows.parse("sun 01:00-02:30 Europe/Vienna")
    first_end = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert remaining(window, at("2026-10-25T01:00")) == timedelta(minutes=90)
    assert not is_open(window, first_end + timedelta(minutes=45))  # 02:15 for the second time


def test_the_night_of_the_long_hour_lasts_an_hour_more() -> None:
    window = windows.parse("sat 22:00-06:00 Europe/Vienna")
    assert remaining(window, at("2026-10-24T22:00")) == timedelta(hours=9)
    assert remaining(window, at("2026-03-28T22:00")) == timedelta(hours=7)


def test_a_window_that_never_closes_stays_open_for_longer_than_a_week() -> None:
    window = windows.parse("daily 00:00-24:00 Europe/Vienna")
    assert is_open(window, at("2026-03-29T02:59", ZoneInfo("UTC")))
    assert remaining(window, at("2026-03-26T12:00")) > timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Mon-Fri 9:00-17:00 Europe/Vienna", "mon-fri 09:00-17:00 Europe/Vienna"),
        ("daily 22:00 - 06:00 UTC", "daily 22:00-06:00 UTC"),
        ("fri-mon 08:00-24:00 UTC", "mon,fri,sat,sun 08:00-00:00 UTC"),
        ("mon,wed 08:30-09:00 UTC", "mon,wed 08:30-09:00 UTC"),
    ],
)
def test_what_is_written_is_read_and_written_again_the_same(text: str, canonical: str) -> None:
    assert str(windows.parse(text)) == canonical
    assert windows.parse(canonical) == windows.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "mon-fri", "mon-fri 9-17 Europe/Vienna", "someday 09:00-17:00 UTC"),
        *("mon 25:00-26:00 UTC", "mon 09:00-17:00 Europe/Atlantis", "- 09:00-17:00 UTC"),
    ],
)
def test_what_is_no_window_is_said_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match="mon-fri 09:00-17:00"):
        windows.parse(text)


@given(WINDOWS)
def test_every_window_can_be_written_down(window: Window) -> None:
    assert windows.parse(str(window)) == window


@given(WINDOWS, MOMENTS)
def test_the_next_opening_is_open_and_the_moment_before_it_is_not(window: Window, moment: datetime) -> None:
    opening = next_opening(window, moment)
    assert opening >= moment
    assert is_open(window, opening)
    assert is_open(window, moment) is (opening == moment)
    if opening > moment:
        assert not is_open(window, opening - timedelta(seconds=1))


@given(WINDOWS, MOMENTS)
def test_it_is_open_until_what_remains_is_over(window: Window, moment: datetime) -> None:
    rest = remaining(window, moment)
    assert (rest > timedelta(0)) is is_open(window, moment)
    if timedelta(0) < rest < windows.LONGEST_LOOK:
        assert is_open(window, moment + rest - timedelta(seconds=1))
        assert not is_open(window, moment + rest)


@given(WINDOWS, MOMENTS)
def test_away_from_changes_of_the_clock_the_wall_clock_decides(window: Window, moment: datetime) -> None:
    offsets = {
        (moment + timedelta(hours=hours)).astimezone(window.zone).utcoffset() for hours in (-49, -25, 0, 25)
    }
    if len(offsets) > 1:
        return
    local = moment.astimezone(window.zone)
    clock, today, yesterday = local.time(), local.weekday(), (local.weekday() - 1) % 7
    if window.start < window.end:
        expected = today in window.days and window.start <= clock < window.end
    else:
        expected = (today in window.days and clock >= window.start) or (
            yesterday in window.days and clock < window.end
        )
    assert is_open(window, moment) is expected
