"""What reads every source and every text does so once: in one process, whichever takes it."""

from __future__ import annotations

import pytest

READERS = ("test_words", "test_translations", "test_imports", "test_layers", "test_templates", "test_dialect")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "architecture" and item.path.stem in READERS:
            item.add_marker(pytest.mark.xdist_group("sources"))
