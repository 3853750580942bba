"""What the image and the containers hold: no secrets of whoever builds them, no password that all know."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from campaigns import everything

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
    assert "--user default off" in text
    assert ">${VALKEY_PASSWORD" in text
    assert "redis://columba:${VALKEY_PASSWORD" in text


SERVICES = ("migrate", "web", "dispatcher", "worker", "reader", "postgres", "valkey")


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_can_do_as_little_as_it_needs(name: str) -> None:
    text = (ROOT / "compose.yaml").read_text()
    block = re.search(rf"^  {name}:\n(?:    .*\n)+", text, re.MULTILINE)
    assert block
    shared = re.search(r"^x-columba: &columba\n(?:  .*\n)+", text, re.MULTILINE)
    assert shared
    said = block[0] + (shared[0] if "<<: *columba" in block[0] else "")
    for rule in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "pids_limit:"):
        assert rule in said, rule


UNIT_RULES = (
    *(
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
    ),
    *(
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
    ),
    *("ProtectClock=yes", "ProtectHostname=yes", "LockPersonality=yes", "RestrictNamespaces=yes"),
    *("RestrictRealtime=yes", "RestrictSUIDSGID=yes", "RestrictAddressFamilies=", "CapabilityBoundingSet="),
    *("SystemCallFilter=@system-service", "SystemCallFilter=~@privileged", "SystemCallArchitectures=native"),
    *("MemoryMax=", "TasksMax=", "UMask=0077", "User=columba"),
)


@pytest.mark.parametrize(
    "unit", sorted((ROOT / "docs" / "deploy").glob("*.service")), ids=lambda path: path.name
)
def test_each_unit_can_do_as_little_as_it_needs(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert [rule for rule in UNIT_RULES if not any(line.startswith(rule) for line in lines)] == []


def test_pages_are_served_by_the_shielded_server_everywhere() -> None:
    for path in ("compose.yaml", "docs/deploy/columba-web.service"):
        assert "campaigns.webserver" in (ROOT / path).read_text(), path
    assert "webserver.__main__" in everything.PROCESSES


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.txt")), ids=lambda path: path.name)
def test_each_package_is_pinned_with_the_hashes_of_its_files(path: Path) -> None:
    text = path.read_text().replace("\\\n", " ")
    packages = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "-r"))
    ]
    assert packages
    assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []


def test_nothing_is_installed_without_its_hash() -> None:
    for path in ("Dockerfile", "scripts/setup"):
        text = (ROOT / path).read_text()
        installs = re.findall(r"pip(?:_install| install)[^\n;|]*(?:-r |==)[^\n;|]*", text)
        assert installs, path
        assert [each for each in installs if "--require-hashes" not in each] == []


def test_what_the_security_page_names_is_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(tests/[\w/.]+)`", text))
    assert len(named) > 15
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []
