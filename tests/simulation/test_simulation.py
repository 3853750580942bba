"""Random courses on a simulated machine; `python -m tests.simulation` runs ten thousand.

These are the same each time; `make simulate FIRST=…` runs others. A failure names its seed: `SIMULATE=1234
pytest tests/simulation` runs that one alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest

from campaigns.delivery.ledger import batches, outcomes, tallies
from campaigns.delivery.ledger.outcomes import Fate
from campaigns.delivery.models import State
from campaigns.delivery.sender import in_doubt
from campaigns.delivery.sender.ack_journal import Journal
from campaigns.delivery.sender.in_hand import InHand
from tests.lengths import first
from tests.simulation import run
from tests.simulation.course import PEOPLE, Course
from tests.simulation.run import Simulation, simulation

PART = 50
FIXED = range(1, 1 + 6 * PART)
DOUBTED, STOPPED, COUNTED, KILLED = 921, 80, 2, 93  # seeds of courses that the tests below need


@pytest.fixture(scope="module")
def world() -> Iterator[Simulation]:
    with simulation() as found:
        yield found


def parts() -> list[range]:
    """The seeds, in parts that may run in parallel."""
    if only := os.environ.get("SIMULATE"):
        return [range(int(only), int(only) + 1)]
    return [range(start, start + PART) for start in FIXED[::PART]]


@pytest.mark.parametrize("seeds", first(1, parts(), ids=lambda seeds: f"from-{seeds.start}"))
def test_whatever_happens_the_promises_are_kept(world: Simulation, seeds: range) -> None:
    reports = [world.run(seed) for seed in seeds]
    assert {each.seed: each.problems for each in reports if each.problems} == {}


def test_the_same_seed_is_the_same_course(world: Simulation) -> None:
    first, second = (world.run(7) for _time in range(2))
    assert (first.lanes, first.copies, first.faults) == (second.lanes, second.copies, second.faults)


def test_most_courses_are_short_and_some_are_long() -> None:
    courses = [Course.drawn(seed) for seed in range(1000)]
    people = [each.people for each in courses]
    assert sorted(people)[500] <= 3
    assert max(people) == max(PEOPLE)
    assert any(each.kills for each in courses)
    assert any(each.stalls for each in courses)


def test_a_lane_that_forgets_what_it_handed_over_is_found_out(world: Simulation) -> None:
    with patch.object(Journal, "write", lambda *_, **__: None):
        assert any("G3" in problem for problem in world.run(KILLED).problems)


def test_a_doubt_that_is_not_counted_is_found_out(world: Simulation) -> None:
    def never(_doubts: int, **_: Any) -> Fate:
        return Fate(State.PENDING, None, 0)

    with ExitStack() as stack:
        for module in (outcomes, in_doubt):
            stack.enter_context(patch.object(module, "doubtful", never))
        stack.enter_context(patch.object(run, "MOST_LANES", 30))
        assert any("G3" in problem for problem in world.run(DOUBTED).problems)


def test_mails_that_end_after_a_stop_are_found_out(world: Simulation) -> None:
    with patch.object(InHand, "may_finish", lambda *_: True):
        assert any("G5" in problem for problem in world.run(STOPPED).problems)


def test_an_outcome_that_is_counted_twice_is_found_out(world: Simulation) -> None:
    def tally(rows: Any) -> Any:
        return [(state, why, number + (number > 1)) for state, why, number in tallies.tally_of(rows)]

    with patch.object(batches, "tally_of", tally):
        assert any("G8" in problem for problem in world.run(COUNTED).problems)
