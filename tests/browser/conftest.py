"""One running demo and one browser for the tests of a module.

Playwright keeps an event loop running for as long as it lives, and nothing else can run one in that
process meanwhile: so the browser goes when its module is done, and browser tests have a run of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.running import Running

EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo as `make demo` leaves it, with Ada as an admin."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with Running(folder, workers=2, command="demo") as site:
        site.flask(
            *("operator", "create", EMAIL, "--name", "Ada", "--role", "admin", "--password-stdin"),
            input_=chromium.PASSWORD + "\n",
        )
        yield site
