"""One running demo for all browser tests of a process (they share an xdist group)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.running import Running

EMAIL = "ada@example.com"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo as `make demo` leaves it, with Ada as an admin."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with Running(folder, workers=2, command="demo") as site:
        site.wait_for_line(r"The report:", timeout_s=300)
        site.flask(
            *("operator", "create", EMAIL, "--name", "Ada", "--role", "admin", "--password-stdin"),
            input_=chromium.PASSWORD + "\n",
        )
        yield site
