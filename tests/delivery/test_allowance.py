"""Caps by the second, minute, hour and day: nobody ever gets more, whenever they come and ask."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.delivery.limits import sliding_window
from campaigns.delivery.limits.sliding_window import Caps, Counts

STEPS = st.lists(
    st.tuples(st.floats(0, 3, allow_nan=False), st.integers(1, 30), st.floats(0, 0.5, allow_nan=False)),
    min_size=1,
    max_size=60,
)


def most_in_any(sent: list[tuple[float, int]], length: float) -> int:
    """The most mails in any stretch of that length."""
    return max(sum(number for at, number in sent if end - length < at <= end) for end, _number in sent)


@settings(max_examples=200)
@given(STEPS, st.integers(1, 20), st.integers(1, 60))
def test_no_second_and_no_minute_ever_sees_more_than_its_cap(
    steps: list[tuple[float, int, float]], second: int, minute: int
) -> None:
    caps, counts, sent, at = Caps(second=second, minute=minute), Counts(), [(0.0, 0)], 1000.0
    for pause, wanted, takes in steps:
        at += pause
        number = min(wanted, sliding_window.free(counts, caps, held=0, at=at))
        at += takes
        counts = sliding_window.charged(counts, caps, number, at=at)
        sent.append((at - takes * 0.7, number))  # the server took it before we knew
    assert most_in_any(sent, 1.0) <= second
    assert most_in_any(sent, 60.0) <= minute


@given(STEPS, st.integers(1, 20), st.integers(1, 60))
def test_at_the_moment_that_was_named_something_is_free_and_not_before(
    steps: list[tuple[float, int, float]], second: int, minute: int
) -> None:
    caps, counts, at = Caps(second=second, minute=minute), Counts(), 1000.0
    for pause, wanted, _takes in steps:
        at += pause
        due = sliding_window.free_at(counts, caps, held=0, at=at)
        assert sliding_window.free(counts, caps, held=0, at=due + 1e-6) > 0
        if due > at:
            assert sliding_window.free(counts, caps, held=0, at=(at + due) / 2) == 0 or due - at < 1e-6
            continue
        counts = sliding_window.charged(counts, caps, min(wanted, second, minute), at=at)


def test_what_lanes_hold_is_not_free_in_any_window() -> None:
    caps = Caps(hour=100)
    assert sliding_window.free({}, caps, held=90, at=0) == 10
    assert sliding_window.free({}, caps, held=100, at=0) == 0
    assert 0 < sliding_window.free_at({}, caps, held=100, at=0) <= 1


def test_the_calendar_day_of_a_warm_up_begins_again_at_midnight() -> None:
    monday = Caps(today=50, today_name="2026-03-02", tomorrow_at=500.0)
    counts = sliding_window.charged({}, monday, 50, at=100)
    assert sliding_window.free(counts, monday, held=0, at=100) == 0
    assert sliding_window.free_at(counts, monday, held=0, at=100) == 500.0
    tuesday = Caps(today=100, today_name="2026-03-03", tomorrow_at=90_000.0)
    assert sliding_window.free(counts, tuesday, held=0, at=501) == 100


@pytest.mark.parametrize(("name", "length"), [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)])
def test_what_was_counted_while_the_clock_was_a_year_ahead_counts_for_one_more_window(
    name: str, length: int
) -> None:
    caps, now = Caps(**{name: 100}), 1_800_000_000.0
    counts = sliding_window.charged({}, caps, 100, at=now + 366 * 86400)
    assert sliding_window.free(counts, caps, held=0, at=now) == 0, "it may have been sent a moment ago"
    assert sliding_window.free_at(counts, caps, held=0, at=now) == now, "who asks puts the count right"
    counts = sliding_window.charged(counts, caps, 0, at=now)
    due = sliding_window.free_at(counts, caps, held=0, at=now)
    assert length <= due - now <= length * 1.1
    assert sliding_window.free(counts, caps, held=0, at=due) == 100


def test_hosts_whose_clocks_differ_by_seconds_count_for_each_other() -> None:
    caps = Caps(minute=10)
    counts = sliding_window.charged({}, caps, 10, at=1030.0)
    counts = sliding_window.charged(counts, caps, 0, at=1000.0)
    assert sliding_window.free(counts, caps, held=0, at=1089.0) == 0


def test_what_is_kept_does_not_grow_with_the_number_of_mails() -> None:
    caps, counts = Caps(second=1000, minute=60_000, hour=3_600_000, day=86_400_000), Counts()
    for number in range(3000):
        counts = sliding_window.charged(counts, caps, 1, at=number * 7.0)
    assert sum(len(pieces) for pieces in counts.values()) < 250


def test_a_server_without_caps_has_none() -> None:
    assert not Caps()
    assert Caps(minute=600).per_second == 10
    assert Caps(minute=600, second=3).per_second == 3


def test_an_exhausted_cap_names_the_moment_at_which_its_oldest_pieces_are_forgotten() -> None:
    caps = Caps(minute=10)
    counts = sliding_window.charged({}, caps, 6, at=1000.0)
    counts = sliding_window.charged(counts, caps, 6, at=1010.0)
    assert sliding_window.free_at(counts, caps, held=0, at=1020.0) == 1061.0, "the first six are enough"
    counts = sliding_window.charged(counts, caps, 6, at=1020.0)
    assert sliding_window.free_at(counts, caps, held=0, at=1021.0) == 1071.0, "the second six have to go too"


def test_a_cap_of_nothing_is_asked_about_once_in_a_window() -> None:
    assert sliding_window.free_at({}, Caps(minute=0), held=0, at=1000.0) == 1060.0
    assert sliding_window.free_at({}, Caps(hour=0), held=0, at=1000.0) == 4600.0


def test_a_window_that_is_full_is_not_asked_again_in_a_moment() -> None:
    """One left and one held: a moment is enough. None left: the window decides."""
    caps = Caps(minute=1)
    assert sliding_window.free_at({}, caps, held=1, at=1000.0) == 1000.0 + sliding_window.SOON_S
    full = sliding_window.charged({}, caps, 1, at=1000.0)
    assert sliding_window.free_at(full, caps, held=0, at=1000.0) == 1061.0


def test_a_day_without_counts_has_used_nothing() -> None:
    caps = Caps(today=5, today_name="2026-11-23", tomorrow_at=9000.0)
    assert sliding_window.used_today({}, caps) == 0
    assert sliding_window.used_today({"today": {"2026-11-22": 4}}, caps) == 0
    assert sliding_window.free({"today": {"2026-11-23": 4}}, caps, held=0, at=1000.0) == 1


def test_without_caps_there_is_nothing_to_give() -> None:
    assert sliding_window.free({}, Caps(), held=0, at=1000.0) == 0


def test_one_window_can_be_looked_at_alone() -> None:
    assert Caps(minute=5, hour=50).only("hour") == Caps(hour=50)


@pytest.mark.parametrize("rubbish", [None, [], "x", 3])
def test_rubbish_from_the_database_counts_as_nothing(rubbish: object) -> None:
    assert sliding_window.read(rubbish) == {}
    assert sliding_window.read({"minute": {"16": 3}}) == {"minute": {"16": 3}}


def test_what_was_sent_is_counted_to_the_mail() -> None:
    caps = Caps(minute=10, today=20, today_name="2026-11-23")
    counts = sliding_window.charged({}, caps, 6, at=1000.0)
    assert sliding_window.free(counts, caps, held=0, at=1000.0) == 4
    counts = sliding_window.charged(counts, caps, 1, at=1000.0)
    assert sliding_window.free(counts, caps, held=0, at=1000.0) == 3
    assert counts["today"] == {"2026-11-23": 7}
