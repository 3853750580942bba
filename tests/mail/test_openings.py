"""Attempts to open a connection that are given up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.mail.openings import GivenUp, Openings


class Silent:
    """A connection that never opens."""

    def __init__(self) -> None:
        self.server = SimpleNamespace(timeouts=SimpleNamespace(connect=0.0))

    async def open(self) -> None:
        await asyncio.Event().wait()


def attempt(openings: Openings) -> asyncio.Task[Any]:
    return asyncio.create_task(openings.open(Silent()))  # type: ignore[arg-type]


def test_an_attempt_that_nobody_needs_any_more_is_given_up() -> None:
    async def course() -> None:
        openings = Openings()
        running = attempt(openings)
        await asyncio.sleep(0)
        openings.end()
        with pytest.raises(GivenUp):
            await running

    asyncio.run(course())


def test_giving_up_in_the_moment_in_which_its_time_is_over_is_no_fault() -> None:
    async def course() -> None:
        openings = Openings()
        loop = asyncio.get_running_loop()
        openings.until = loop.time()
        running = attempt(openings)
        await asyncio.sleep(0)
        timeout = next(iter(openings._running))
        while not timeout.expired():
            await asyncio.sleep(0)
        assert not running.done()  # it has not been told yet
        openings.end()
        with pytest.raises(GivenUp):
            await running

    asyncio.run(course())
