"""What the image and the containers hold: no secrets of whoever builds them, no password that all know."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

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


@pytest.mark.parametrize(
    "path", ["tests/conftest.py", "docs/pictures/check.png", "scripts/setup", "requirements-dev.txt"]
)
def test_what_only_developers_need_is_not_in_the_image(path: str) -> None:
    assert (ROOT / path).exists()
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
    assert '--user, default, "off"' in text
    assert ">${VALKEY_PASSWORD" in text
    assert "redis://columba:${VALKEY_PASSWORD" in text


SERVICES = ("migrate", "web", "dispatcher", "worker", "reader", "postgres", "valkey")


def service(name: str) -> str:
    """The lines of a service in compose.yaml."""
    block = re.search(rf"^  {name}:\n(?:    .*\n)+", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert block, name
    return block[0]


def shared() -> str:
    """The lines of compose.yaml that the app's services have in common."""
    block = re.search(r"^x-columba: &columba\n(?:  .*\n)+", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert block
    return block[0]


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_can_do_as_little_as_it_needs(name: str) -> None:
    said = service(name) + (shared() if "<<: *columba" in service(name) else "")
    for rule in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "pids_limit:"):
        assert rule in said, rule


def test_nothing_runs_before_the_tables_are_there() -> None:
    assert "migrate: { condition: service_completed_successfully }" in shared()
    assert "postgres: { condition: service_healthy }" in service("migrate")
    for name in ("web", "dispatcher", "worker", "reader"):
        assert "depends_on" not in service(name), name  # it would take the place of the shared one


def test_valkey_is_never_root() -> None:
    """Its image's root looks through the data first, which it may not without capabilities: it came up once."""
    assert "user: valkey" in service("valkey")
    assert "cap_add" not in service("valkey")


def test_postgresql_is_ready_when_it_answers_by_tcp() -> None:
    """On its socket it answers already while it makes the database, and then it starts again."""
    assert '"pg_isready", "-h", "127.0.0.1"' in service("postgres")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_pages_are_well_when_health_says_so(status: int, code: int) -> None:
    check = re.search(r'test: \["CMD", "python", "-c", "(.+)"\]', service("web"))
    assert check
    asked: list[str] = []

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        Thread(target=server.handle_request).start()
        words = check[1].replace(":8000/", f":{server.server_port}/")
        done = subprocess.run([sys.executable, "-c", words], capture_output=True, timeout=60, check=False)
    assert asked == ["/health"]
    assert done.returncode == code


def test_the_user_of_the_image_has_a_number_that_stays() -> None:
    """Its files outlive the image; and a cluster that wants no root can read a number, not a name."""
    text = (ROOT / "Dockerfile").read_text()
    user = re.search(r"useradd --uid (\d+) ", text)
    assert user
    assert int(user[1]) >= 10_000  # no user of the machine below
    assert f"\nUSER {user[1]}\n" in text


def test_each_container_that_the_guide_names_is_there() -> None:
    text = (ROOT / "docs" / "deploy" / "README.md").read_text()
    named = set(re.findall(r"docker compose (?:exec|run)(?: -\S+)* (\w+)", text))
    assert named
    assert named <= set(SERVICES)


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
