"""When to try again (S09)."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail.retry import next_attempt
from tests.factories import NOON

DAY = timedelta(hours=24)


def waits(count: int) -> list[timedelta]:
    return [
        next_attempt(number, now=NOON, first_attempt_at=NOON, horizon=DAY, rand=lambda: 0.5) - NOON
        for number in range(1, count + 1)
    ]


def test_waits_double_from_five_minutes_to_a_cap_S09() -> None:
    minutes = [wait.total_seconds() / 60 for wait in waits(6)]
    assert minutes[:4] == [5, 10, 20, 40]
    assert round(minutes[4], 1) == round(minutes[5], 1) == 66.7


@given(attempts=st.integers(1, 50), dice=st.floats(0, 1))
def test_jitter_stays_within_a_fifth(attempts: int, dice: float) -> None:
    middle = next_attempt(attempts, now=NOON, first_attempt_at=NOON, horizon=DAY, rand=lambda: 0.5) - NOON
    found = next_attempt(attempts, now=NOON, first_attempt_at=NOON, horizon=DAY, rand=lambda: dice) - NOON
    assert middle * 0.8 - timedelta(seconds=1) <= found <= middle * 1.2 + timedelta(seconds=1)


def test_past_the_horizon_there_is_no_next_attempt_S09() -> None:
    late = NOON + DAY - timedelta(minutes=1)
    assert next_attempt(5, now=late, first_attempt_at=NOON, horizon=DAY) is None


@given(attempts=st.integers(1, 3), dice=st.floats(0, 1))
def test_a_greylisted_mail_never_comes_back_too_early_S09(attempts: int, dice: float) -> None:
    found = next_attempt(
        attempts, now=NOON, first_attempt_at=NOON, horizon=DAY, is_greylisted=True, rand=lambda: dice
    )
    assert found is not None
    assert found - NOON >= timedelta(minutes=5 * 2 ** (attempts - 1))


def test_a_day_holds_the_first_attempt_and_about_two_dozen_more() -> None:
    now, attempts = NOON, 0
    while now is not None:
        attempts += 1
        now = next_attempt(attempts, now=now, first_attempt_at=NOON, horizon=DAY, rand=lambda: 0.5)
    assert attempts == 25
