"""Services speak lazily; outside of a request their sentences need a language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask_babel import force_locale


@pytest.fixture(autouse=True)
def english(request: pytest.FixtureRequest) -> Iterator[None]:
    """English, in every test that has an app."""
    if not {"app", "each_database", "postgres_app"} & set(request.fixturenames):
        yield
        return
    request.getfixturevalue("each_database" if "each_database" in request.fixturenames else "app")
    with force_locale("en"):
        yield
