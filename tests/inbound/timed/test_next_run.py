"""A timed email goes out at its time on the wall, once a day, week or month, whatever clocks do."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.inbound.timed.next_run import Rhythm, next_run

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Shanghai", "America/Santiago"),
)
firsts = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1)).map(
    lambda each: each.replace(second=0, microsecond=0)
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
# Without the one that has skipped a whole day.
whole_days = st.sampled_from([each for each in ZONES if each != "Pacific/Apia"]).map(ZoneInfo)
repeating = st.sampled_from([Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.MONTHLY])
moments = st.datetimes(datetime(2004, 1, 1), datetime(2040, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))


def runs(first: datetime, rhythm: Rhythm, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    for _number in range(count):
        after = next_run(first, rhythm, zone, after=after) or after
        found.append(after)
    return found


def exists(local: datetime, zone: ZoneInfo) -> bool:
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local


@settings(max_examples=300, deadline=None)
@given(firsts, repeating, zones, moments)
def test_the_next_run_is_after_the_moment_and_no_run_lies_between(
    first: datetime, rhythm: Rhythm, zone: ZoneInfo, after: datetime
) -> None:
    found = next_run(first, rhythm, zone, after=after)
    assert found is not None
    assert found > after
    just_before = next_run(first, rhythm, zone, after=found - timedelta(seconds=1))
    assert just_before == found
    assert next_run(first, rhythm, zone, after=max(after, found - timedelta(hours=20))) == found


@settings(max_examples=300, deadline=None)
@given(firsts, repeating, zones)
def test_each_run_is_at_its_time_on_the_wall_or_right_after_the_hour_that_was_skipped(
    first: datetime, rhythm: Rhythm, zone: ZoneInfo
) -> None:
    start = first.replace(tzinfo=UTC) - timedelta(days=3)
    for found in runs(first, rhythm, zone, start, 14):
        local = found.astimezone(zone)
        if local.time() != first.time():
            assert (
                not exists(datetime.combine(local.date(), first.time()), zone) or local.date() != first.date()
            )
            gap = local.replace(tzinfo=None) - datetime.combine(local.date(), first.time())
            assert timedelta(0) < gap <= timedelta(hours=2)
        assert local.fold == 0 or local.time() != first.time()


@settings(max_examples=200, deadline=None)
@given(firsts, repeating, whole_days)
def test_there_is_one_run_in_each_day_week_or_month(first: datetime, rhythm: Rhythm, zone: ZoneInfo) -> None:
    start = first.replace(tzinfo=UTC) - timedelta(days=3)
    days = [each.astimezone(zone).date() for each in runs(first, rhythm, zone, start, 14)]
    assert days[0] == first.date() or not exists(first, zone)
    for before, after in pairwise(days):
        if rhythm is Rhythm.MONTHLY:
            assert (after.year * 12 + after.month) - (before.year * 12 + before.month) == 1
            assert after.day == min(first.day, monthrange(after.year, after.month)[1])
        else:
            step = 1 if rhythm is Rhythm.DAILY else 7
            assert (after - before).days == step


@given(firsts, zones, moments)
def test_what_goes_out_once_has_no_other_run(first: datetime, zone: ZoneInfo, after: datetime) -> None:
    found = next_run(first, Rhythm.ONCE, zone, after=after)
    moment = first.replace(tzinfo=zone).astimezone(UTC)
    assert found == (moment if moment > after else None)
    assert next_run(first, Rhythm.ONCE, zone, after=moment) is None


@pytest.mark.parametrize(
    ("first", "rhythm", "after", "expected"),
    [
        # Clocks go forward at 02:00 on 29 March 2026, and back at 03:00 on 25 October.
        ("2026-01-01T09:00", Rhythm.DAILY, "2026-03-28T08:00", "2026-03-29T07:00"),
        ("2026-01-01T02:30", Rhythm.DAILY, "2026-03-28T12:00", "2026-03-29T01:30"),
        ("2026-01-01T02:30", Rhythm.DAILY, "2026-03-29T01:30", "2026-03-30T00:30"),
        ("2026-01-01T02:30", Rhythm.DAILY, "2026-10-24T12:00", "2026-10-25T00:30"),
        ("2026-01-01T02:30", Rhythm.DAILY, "2026-10-25T00:30", "2026-10-26T01:30"),
        ("2026-01-31T09:00", Rhythm.MONTHLY, "2026-02-01T00:00", "2026-02-28T08:00"),
        ("2026-01-31T09:00", Rhythm.MONTHLY, "2026-02-28T08:00", "2026-03-31T07:00"),
    ],
)
def test_the_nights_on_which_clocks_change(first: str, rhythm: Rhythm, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = next_run(datetime.fromisoformat(first), rhythm, ZoneInfo("Europe/Berlin"), after=moment)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_day_that_a_country_left_out_has_no_run_of_its_own() -> None:
    zone = ZoneInfo("Pacific/Apia")  # 30 December 2011
    found = runs(datetime(2011, 12, 28, 9), Rhythm.DAILY, zone, datetime(2011, 12, 1, tzinfo=UTC), 4)
    assert [each.astimezone(zone).day for each in found] == [28, 29, 31, 1]
