"""What the image and the containers hold: no secrets of whoever builds them, no password that all know."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARMLESS = {"TRUSTED_PROXIES"}  # may have a default


def is_left_out(path: str) -> bool:
    """Whether `.dockerignore` keeps the path, or a folder above it, out of the image."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    parts = path.split("/")
    paths = ["/".join(parts[: number + 1]) for number in range(len(parts))]
    return any(_matches(each, pattern) for each in paths for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(path.rpartition("/")[2], pattern.removeprefix("**/"))
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.production",
        "sub/.env",
        "data/secret_key",
        "secret_key",
        "columba.db-wal",
        "tls/site.key",
    ],
)
def test_no_secret_of_the_builder_is_in_the_image(path: str) -> None:
    assert is_left_out(path)


def test_the_product_is_in_the_image() -> None:
    for path in ("wsgi.py", "campaigns/app.py", "templates/layout.html", "migrations/env.py"):
        assert (ROOT / path).exists()
        assert not is_left_out(path)


def test_the_containers_know_no_password_that_is_not_given() -> None:
    text = (ROOT / "compose.yaml").read_text()
    variables = re.findall(r"\$\{(\w+)(:.|.)", text)
    assert {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "SECRET_KEY"} <= {name for name, _sign in variables}
    assert {(name, sign) for name, sign in variables if name not in HARMLESS and sign != ":?"} == set()


def test_redis_asks_for_its_password() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert "--requirepass ${VALKEY_PASSWORD" in text
    assert "redis://:${VALKEY_PASSWORD" in text
