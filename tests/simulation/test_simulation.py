"""Random courses on a machine that is not there; `python -m tests.simulation` runs ten thousand.

A failure names its seed: `SIMULATE=1234 pytest tests/simulation` runs that one alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from campaigns.delivery.ledger import outcomes
from campaigns.delivery.ledger.outcomes import Fate
from campaigns.delivery.models import State
from campaigns.delivery.sender.ack_journal import Journal
from tests.simulation import run
from tests.simulation.run import Simulation, simulation

SHORT = 120
KILLED, HUNG_UP = 34, 199  # a lane is killed in mid-send; a recipient whose answer never comes


@pytest.fixture(scope="module")
def world() -> Iterator[Simulation]:
    with simulation() as found:
        yield found


def seeds() -> list[int]:
    if only := os.environ.get("SIMULATE"):
        return [int(only)]
    return list(range(1, SHORT + 1))


def test_whatever_happens_the_promises_are_kept(world: Simulation) -> None:
    reports = [world.run(seed) for seed in seeds()]
    assert {each.seed: each.problems for each in reports if each.problems} == {}


def test_the_same_seed_is_the_same_course(world: Simulation) -> None:
    first, second = (world.run(7) for _time in range(2))
    assert (first.lanes, first.copies) == (second.lanes, second.copies)


def test_a_lane_that_forgets_what_it_handed_over_is_found_out(world: Simulation) -> None:
    with patch.object(Journal, "write", lambda *_, **__: None):
        assert any("G3" in problem for problem in world.run(KILLED).problems)


def test_a_doubt_that_is_not_counted_is_found_out(world: Simulation) -> None:
    never = patch.object(outcomes, "doubtful", lambda _doubts, **_: Fate(State.PENDING, None, 0))
    with never, patch.object(run, "MOST_LANES", 30):
        assert world.run(HUNG_UP).problems
