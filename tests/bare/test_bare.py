"""What `make bare` takes over from this machine, what it types, and what it never deletes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from flask import Flask

from tests.bare import machine, readme, registries
from tests.bare.broken import Broken
from tests.bare.browser import Fields

ROOT = Path(__file__).resolve().parents[2]
TARGETS = """\
http://debian.example/debian/\tbookworm-updates\tmain
http://debian.example/debian/\tbookworm\tcontrib
http://debian.example/debian/\tbookworm\tmain
http://debian.example/debian/\tbookworm\tmain
http://debian.example/security/\tbookworm-security\tmain
http://other.example/\tnodistro\tmain
http://debian.example/debian/\ttrixie\tmain
"""
PAGE = """
<form><input type="hidden" name="csrf_token" value="t"><input name="email" value=""><input type="checkbox" name="no">
<select name="language"><option value="en">English<option value="zh" selected>中文</select>
<select name="time_zone"><option value="UTC">UTC<option value="Asia/Hong_Kong">Hong Kong</select>
<input type="submit" name="go" value="Go"></form>
"""


def test_only_the_release_and_its_updates_are_taken_from_the_apt_sources() -> None:
    assert [str(each) for each in registries.apt_sources(TARGETS, "bookworm")] == [
        "deb http://debian.example/debian/ bookworm main",
        "deb http://debian.example/debian/ bookworm contrib",
        "deb http://debian.example/debian/ bookworm-updates main",
        "deb http://debian.example/security/ bookworm-security main",
    ]
    assert registries.apt_sources(TARGETS, "forky") == []


def test_the_way_to_registries_is_carried_over_and_nothing_else() -> None:
    wanted = {
        "https_proxy": "p",
        "NO_PROXY": "n",
        "PIP_INDEX_URL": "i",
        "NPM_CONFIG_REGISTRY": "r",
        "PIP_CERT": "c",
    }
    other = {
        "PIP_FIND_LINKS": "/wheels",
        "PIP_PREFIX": "/opt",
        "npm_config_prefix": "/opt",
        "DATA_DIR": "d",
        "PATH": "x",
    }
    assert registries.environ({**wanted, **other}) == wanted
    kept = ["registry=https://npm.example/", "@a:registry = https://b.example", "//npm.example/:_authToken=t"]
    assert (
        registries.npm_lines("\n".join(["prefix=/opt", *kept, "nodedir=/usr", "; registry=no", ""])) == kept
    )


def test_nothing_is_deleted_through_a_mount(tmp_path: Path) -> None:
    info = (
        f"9 1 0:5 / /proc rw - proc proc rw\n10 1 0:6 / {tmp_path}/run-1/root/my\\040proc rw - proc proc rw\n"
    )
    assert machine.mounts_below(tmp_path / "run-1", info) == [f"{tmp_path}/run-1/root/my proc"]
    assert machine.mounts_below(tmp_path / "run", info) == []
    with pytest.raises(Broken, match="is no bare machine"):
        machine.remove(tmp_path)
    assert tmp_path.exists()


def test_a_form_is_sent_as_it_stands() -> None:
    fields = Fields()
    fields.feed(PAGE)
    assert fields.values == {"csrf_token": "t", "email": "", "language": "zh", "time_zone": "UTC"}


def test_every_command_of_the_readme_is_one_with_these_options(app: Flask, tmp_path: Path) -> None:
    texts = {"people.csv": "email\n", "mail.html": "<p>"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = readme.commands(ROOT / "README.md")
    assert len(found) > 8
    for words in found:
        assert words[:3] == ["flask", "--app", "wsgi"]
        typed = words[3 : words.index(">")] if ">" in words else words[3:]
        group: click.Command = app.cli
        while isinstance(group, click.Group):
            found_command = group.get_command(click.Context(group), typed[0].partition("|")[0])
            assert found_command is not None, typed
            group, typed = found_command, typed[1:]
        arguments = [str(tmp_path / word) if word in texts else word for word in typed]
        group.make_context("readme", arguments)  # raises UsageError
