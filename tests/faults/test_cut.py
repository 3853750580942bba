"""The short fault run: some faults of each family, each a test, in one world for each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import families  # noqa: F401 (registers all faults)
from tests.faults.__main__ import PEOPLE_OF_CUT, chosen
from tests.faults.faults import BOTH, Fault
from tests.faults.world import World

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


# What another of the cut shows in less time.
LONGER = {
    "kill -9 mail worker at each step, POP3",
    "pause, resume clicked at once",
    "500 unsubscribe during the send",
    "SMTP drop: middle of the body",
    "Redis: away, and the work horses killed",
    "Redis: kill -9 without persistence",
    "two dispatchers, the leader killed each time",
    "SMTP: AUTH fails in mid-send",
    "SMTP: 451 for 2 %",
    "SMTP: 550 for 1 %",
    "the database's clock jumps under living lanes",
}


class Worlds:
    """A world for each database, created when first needed, and again after a fault has broken it."""

    def __init__(self) -> None:
        self._running: dict[str, World] = {}

    def of(self, database: str) -> World:
        if database not in self._running:
            world = World(database, people=PEOPLE_OF_CUT, is_cut=True)
            try:
                self._running[database] = world.__enter__()
            except BaseException:
                world.__exit__()
                raise
        return self._running[database]

    def end(self, database: str) -> None:
        if world := self._running.pop(database, None):
            world.__exit__()


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    found = Worlds()
    yield found
    for database in BOTH:
        found.end(database)


def cases() -> list[object]:
    """The databases in parallel, the faults of each in sequence."""
    return [
        pytest.param(
            database,
            each,
            id=f"{database}: {each.name}",
            marks=[
                pytest.mark.xdist_group(f"faults {database}"),
                *([pytest.mark.long] if each.name in LONGER else []),
            ],
        )
        for database in BOTH
        for each in chosen(database, only=[], is_cut=True)
    ]


def test_what_is_left_to_the_longer_cut_is_in_it() -> None:
    assert {each.name for database in BOTH for each in chosen(database, only=[], is_cut=True)} >= LONGER


@pytest.mark.parametrize(("database", "fault"), cases())
def test_nobody_is_lost_and_no_bound_is_broken(worlds: Worlds, database: str, fault: Fault) -> None:
    try:
        report = fault.inject(worlds.of(database))
        assert report.problems == []
        assert report.lost == 0
        assert report.injected > 0
    except BaseException:
        worlds.end(database)
        raise
