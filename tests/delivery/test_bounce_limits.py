"""How many bounces are too many."""

from __future__ import annotations

import pytest

from campaigns.delivery.autopause import bounce_limits


@pytest.mark.parametrize(
    ("bounced", "answered", "is_bad"),
    [
        (29, 30, False),
        (30, 30, True),
        (30, 100, True),
        (29, 499, False),
        (30, 499, True),
        (25, 500, False),
        (26, 500, True),
        (20, 1000, False),
        (21, 1000, True),
        (2000, 100_000, False),
        (2001, 100_000, True),
    ],
)
def test_while_a_campaign_sends(bounced: int, answered: int, is_bad: bool) -> None:
    assert bounce_limits.is_too_many(bounced, answered) is is_bad
    if is_bad:
        assert bounce_limits.is_too_many_at_the_end(bounced, answered)


@pytest.mark.parametrize(
    ("bounced", "answered", "is_bad"),
    [
        (1, 1, False),
        (1, 3, False),
        (2, 2, False),
        (3, 3, True),
        (3, 9, False),
        (4, 9, True),
        (13, 40, False),
        (14, 40, True),
        (40, 40, True),
        (29, 120, False),
    ],
)
def test_at_the_end_of_a_small_one(bounced: int, answered: int, is_bad: bool) -> None:
    assert bounce_limits.is_too_many_at_the_end(bounced, answered) is is_bad


def test_a_server_that_begins_to_refuse_everybody_is_noticed_however_much_went_well_before() -> None:
    assert bounce_limits.is_sudden(30, 100)
    assert not bounce_limits.is_sudden(30, 101)
    assert bounce_limits.is_sudden(100, 1000)
    assert not bounce_limits.is_sudden(29, 29)


def test_after_some_bounces_in_a_row_fewer_and_fewer_are_on_the_wire() -> None:
    rooms = [bounce_limits.room(number, 0) for number in range(30)]
    assert rooms[:3] == [None] * 3
    assert all(rooms[3:]), "one can always go"
    assert rooms[3:] == sorted(rooms[3:], reverse=True)
    assert rooms[-1] == 1


def test_a_lane_with_many_bounces_in_a_row_that_nobody_has_counted_sends_nothing_more() -> None:
    assert [bounce_limits.room(12, uncounted) for uncounted in (0, 11, 12, 40)] == [1, 1, 0, 0]
    assert bounce_limits.room(2, 500) is None, "others are accepted in between"


def test_the_better_a_list_the_less_often_its_bounces_are_counted() -> None:
    left = [
        bounce_limits.left_before_the_brake(answered // 100, answered)
        for answered in (0, 10**3, 10**4, 10**6)
    ]
    assert left == [20, 10, 100, 10_000]
    assert bounce_limits.left_before_the_brake(50, 1000) == 1
