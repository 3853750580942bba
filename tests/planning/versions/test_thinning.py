"""Which versions stay as they grow older."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.planning.versions.thinning import ALL_FOR, MOST, MOST_BYTES, Kept, superfluous
from tests.factories import HOUR, NOON

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def left(versions: list[Kept]) -> list[int]:
    gone = superfluous(versions, now=NOON)
    return [each.number for each in versions if each.number not in gone]


def at(number: int, ago: timedelta, **more: object) -> Kept:
    return Kept(number, NOON - ago, **more)  # type: ignore[arg-type]


def test_all_of_the_last_day_stay() -> None:
    assert left([at(n, (100 - n) * 10 * MINUTE) for n in range(1, 100)]) == list(range(1, 100))


def test_after_a_day_the_newest_of_each_hour_stays() -> None:
    hour = [at(n, 2 * DAY - n * 10 * MINUTE) for n in (0, 1, 2, 3, 4, 5)]
    assert left([*hour, at(9, MINUTE)]) == [5, 9]


def test_after_a_week_the_newest_of_each_day_stays() -> None:
    days = [at(1, 20 * DAY), at(2, 20 * DAY - HOUR), at(3, 19 * DAY), at(4, 19 * DAY - HOUR)]
    assert left([*days, at(9, MINUTE)]) == [2, 4, 9]


def test_a_named_one_and_what_was_not_saved_are_not_displaced() -> None:
    old = [at(1, 20 * DAY, is_named=True), at(2, 20 * DAY, is_conflict=True), at(3, 20 * DAY)]
    assert left([*old, at(9, MINUTE)]) == [1, 2, 3, 9]


def test_beyond_the_most_bytes_the_oldest_go() -> None:
    big = [at(n, (10 - n) * MINUTE, size=MOST_BYTES // 3) for n in range(1, 6)]
    assert left(big) == [3, 4, 5]


histories = st.lists(
    st.tuples(
        st.integers(0, 60 * 24 * 40),
        st.integers(0, 200_000),
        st.sampled_from(["", "", "", "named", "conflict"]),
    ),
    max_size=500,
)


@given(histories)
def test_a_history_of_any_kind_is_thinned_within_its_bounds(history: list[tuple[int, int, str]]) -> None:
    ages = sorted((age for age, _, _ in history), reverse=True)
    versions = [
        at(number, age * MINUTE, size=size, is_named=kind == "named", is_conflict=kind == "conflict")
        for number, (age, (_, size, kind)) in enumerate(zip(ages, history, strict=True), start=1)
    ]
    gone = superfluous(versions, now=NOON)
    stays = [each for each in versions if each.number not in gone]
    assert not [each for each in versions if each.is_named and each.number in gone]
    assert versions[-1:] == stays[-1:]
    mortal = [each for each in stays if not each.is_named]
    assert len(mortal) <= MOST
    assert sum(each.size for each in mortal) <= MOST_BYTES
    if len(versions) <= MOST and sum(each.size for each in versions) <= MOST_BYTES:
        assert not [each for each in versions if NOON - each.at < ALL_FOR and each.number in gone]
    assert superfluous(stays, now=NOON) == set()
