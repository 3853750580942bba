"""A test inbox that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.core.config import Config
from tests.practice.mailbox import running_mailbox


def make_config(folder: Path) -> Config:
    return Config(
        data_dir=folder,
        database_url="sqlite://",
        redis_url="redis://127.0.0.1:1",
        secret_key="x" * 40,
        public_url="http://localhost",
    )


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Config]:
    """A running test inbox on a port of its own."""
    with running_mailbox(make_config(tmp_path)) as config:
        yield config
