"""Each command is loaded when it is asked for, and needs no pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from flask import Flask

from campaigns.cli import commands
from campaigns.cli.commands import COMMANDS
from tests.cli.processes import NOT_NEEDED, ROOT

LOADED = """
import json, sys
sys.argv = ["flask", "--app", "wsgi", {name!r}]
import wsgi
with wsgi.app.app_context():
    wsgi.app.cli.get_command(None, {name!r}).load()
print(json.dumps(sorted(sys.modules)))
"""
MIGRATES = {"up", "demo"}


def loaded_by(name: str, folder: Path) -> set[str]:
    environ = {**os.environ, "DATA_DIR": str(folder), "FLASK_RUN_FROM_CLI": "true"}
    environ.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(name=name)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_each_command_is_there_under_its_name(app: Flask) -> None:
    ctx = click.Context(click.Command("flask"))
    found = {name: app.cli.get_command(ctx, name) for name in COMMANDS}
    assert {name: each.name for name, each in found.items() if each} == {name: name for name in COMMANDS}
    assert set(COMMANDS) <= set(app.cli.list_commands(ctx))


@pytest.mark.parametrize(
    ("program", "is_one"),
    [("/app/.venv/bin/flask", True), ("/lib/flask/__main__.py", True), ("/lib/granian/__main__.py", False)],
)
def test_only_flask_itself_does_without_pages(
    monkeypatch: pytest.MonkeyPatch, program: str, is_one: bool
) -> None:
    """A web server is started by `flask up`, and may listen on a host that is named like a command."""
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.setattr("sys.argv", [program, "--host", "campaign", "wsgi:app"])
    assert commands.is_asked_for() is is_one


@pytest.mark.parametrize("name", ["campaign", "people", "worker", "up"])
def test_a_command_loads_no_pages_and_no_forms(name: str, tmp_path: Path) -> None:
    found = loaded_by(name, tmp_path)
    assert [
        each for each in found if each.startswith("campaigns.") and each.endswith((".views", ".forms"))
    ] == []
    packages = {each.split(".")[0] for each in found}
    assert packages & (NOT_NEEDED if name not in MIGRATES else {"flask_wtf", "wtforms"}) == set()
