"""How long a receiver in trouble is left alone."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail.domain_backoff import FIRST, LONGEST, Condition, after
from tests.factories import NOON

MINUTE = timedelta(minutes=1)


def troubled(before: Condition | None, number: int = 1, *, now=NOON, accepted=0, is_told=False):
    return after(before, troubles=number, accepted=accepted, is_told=is_told, now=now)


def test_the_third_trouble_within_ten_minutes_suspends_for_five() -> None:
    second = troubled(troubled(None), now=NOON + MINUTE)
    assert second and not second.is_suspended(NOON + MINUTE)
    third = troubled(second, now=NOON + 2 * MINUTE)
    assert third and third.next_at == NOON + 7 * MINUTE


def test_two_troubles_long_ago_do_not_count() -> None:
    second = troubled(None, 2)
    found = troubled(second, now=NOON + 11 * MINUTE)
    assert found and found.troubles == 1


def test_each_trial_that_fails_doubles_the_wait_up_to_four_hours() -> None:
    condition, now, waits = troubled(None, 3), NOON, []
    for _round in range(8):
        assert condition and condition.next_at
        waits.append((condition.next_at - now) / MINUTE)
        now = condition.next_at
        condition = troubled(condition, now=now)
    assert waits == [5, 10, 20, 40, 80, 160, 240, 240]


def test_a_receiver_that_says_so_itself_is_left_alone_for_an_hour_at_once() -> None:
    found = troubled(None, is_told=True, accepted=5)
    assert found and found.next_at == NOON + timedelta(hours=1)


def test_a_mail_that_arrives_ends_the_trouble() -> None:
    assert after(troubled(None, 3), troubles=0, accepted=1, is_told=False, now=NOON + 6 * MINUTE) is None


def test_some_bad_mailboxes_among_many_good_ones_are_no_trouble() -> None:
    assert troubled(None, 5, accepted=50) is None


def test_answers_that_were_on_their_way_do_not_make_it_longer() -> None:
    suspended = troubled(None, 3)
    assert troubled(suspended, 7, now=NOON + MINUTE) == suspended


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.integers(0, 300)), max_size=30)
)
def test_no_wait_is_shorter_than_the_first_or_longer_than_the_longest(steps) -> None:
    condition, now = None, NOON
    for troubles, accepted, is_told, minutes in steps:
        now += minutes * MINUTE
        condition = after(condition, troubles=troubles, accepted=accepted, is_told=is_told, now=now)
        if condition is not None and condition.next_at is not None:
            assert FIRST <= condition.backoff <= LONGEST
            assert condition.next_at <= now + LONGEST
